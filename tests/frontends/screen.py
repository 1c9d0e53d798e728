"""A program in a pseudo-terminal, and what a person would see on its screen."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pexpect
import pyte

PROGRAM = Path(__file__).with_name("fake_session.py")


class Screen:
    """Runs `fake_session.py` with a script; `text` is the scrollback and the visible rows."""

    def __init__(
        self,
        python: str,
        directory: Path,
        script: str,
        *arguments: str,
        columns: int = 80,
        rows: int = 24,
        encoding: str = "C.UTF-8",
        term: str = "xterm-256color",
    ) -> None:
        environment = {
            **os.environ, "TERM": term, "LANG": encoding, "LC_ALL": encoding, "COLUMNS": "",
        }  # fmt: skip
        environment.pop("NO_COLOR", None)
        if encoding == "C":
            environment.update(PYTHONCOERCECLOCALE="0", PYTHONUTF8="0", PYTHONIOENCODING="ascii")
        self.directory = directory
        self.screen = pyte.HistoryScreen(columns, rows, history=5000, ratio=0.5)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.child: pexpect.spawn[bytes] = pexpect.spawn(
            python,
            [str(PROGRAM), str(directory), script, *arguments],
            dimensions=(rows, columns),
            env=environment,
            timeout=10,
        )
        self.child.delaybeforesend = None

    def read(self, seconds: float = 0.05) -> None:
        """Take in what the program has written."""
        try:
            data = self.child.read_nonblocking(65536, timeout=seconds)
        except (pexpect.TIMEOUT, pexpect.EOF):
            return
        self.raw += data
        self.stream.feed(data)

    @property
    def rows(self) -> list[str]:
        return [row.rstrip() for row in self.screen.display]

    @property
    def text(self) -> str:
        """Everything that was printed, the history first."""
        columns = self.screen.columns
        history = [
            "".join(line[column].data for column in range(columns)).rstrip()
            for line in self.screen.history.top
        ]
        return "\n".join([*history, *self.rows])

    def until(self, wanted: str | Callable[["Screen"], bool], seconds: float = 10.0) -> "Screen":
        """Wait until the text is there, or fail showing the screen."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if wanted in self.text if isinstance(wanted, str) else wanted(self):
                return self
            self.read()
        raise AssertionError(f"not seen: {wanted!r}\n{self.text}")

    def ready(self) -> "Screen":
        return self.until("Ask, or / for commands")

    def type(self, text: str) -> "Screen":
        self.child.send(text.encode())
        return self

    def line(self, text: str) -> "Screen":
        """Type a line and send it."""
        self.type(text)
        self.until(lambda screen: text.split("\n")[-1][-20:] in "\n".join(screen.rows))
        return self.type("\r")

    def settle(self, seconds: float = 0.3) -> "Screen":
        """Let the program do what it would do."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.read()
        return self

    def exit_code(self) -> int:
        """Wait for the end."""
        deadline = time.monotonic() + 10
        while self.child.isalive() and time.monotonic() < deadline:
            self.read()
        self.settle(0.1)
        self.child.close()
        return self.child.exitstatus if self.child.exitstatus is not None else -1

    @property
    def log(self) -> list[str]:
        """What the UI asked of the session; complete after the end."""
        return (self.directory / "log").read_text(encoding="utf-8").splitlines()

    def hang_up(self) -> None:
        """Close the terminal's other end, as a closed window does."""
        os.close(self.child.child_fd)
        for end in (self.child, self.child.ptyproc):
            end.closed = True
        self.child.child_fd = self.child.ptyproc.fd = -1

    def stop(self) -> None:
        if self.child.isalive():
            self.child.kill(signal.SIGKILL)
            self.child.wait()
