"""Inside a sandbox without a network: a port of its own loopback that leads to a Unix socket.

Run as ``python relay.py SOCKET PORT COMMAND…``: listens, lets a child carry the connections, and
becomes the command. Standard library alone and little of it: every command waits for it.
"""

import os
import socket
import sys

_CHUNK = 65_536


def main(arguments: list[str]) -> None:
    """Ends with 126 where the port cannot be had."""
    path, port, *command = arguments
    server = socket.socket()
    try:
        server.bind(("127.0.0.1", int(port)))
        server.listen(128)
    except OSError as error:
        sys.stderr.write(f"The command was not run: its proxy has no port ({error}).\n")
        sys.exit(126)
    if os.fork() == 0:
        # The command's output must not be held open by what carries its connections.
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        _carry_all(server, path)
    server.close()
    os.execvp(command[0], command)


def _carry_all(server: socket.socket, path: str) -> None:
    # Imported by the child alone: the command does not wait for it.
    import threading

    while True:
        near, _ = server.accept()
        far = socket.socket(socket.AF_UNIX)
        try:
            far.connect(path)
        except OSError:
            near.close()
            continue
        for pair in ((near, far), (far, near)):
            threading.Thread(target=_carry, args=pair, daemon=True).start()


def _carry(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(_CHUNK):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        for each in (source, target):
            each.close()


if __name__ == "__main__":
    main(sys.argv[1:])
