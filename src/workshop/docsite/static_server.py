"""Serve a folder over HTTP like a production web server, with gzipped text."""

import contextlib
import gzip
import mimetypes
import threading
from collections.abc import Iterator
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

TEXT = ("text/", "application/javascript", "application/json", "application/xml", "image/svg+xml")
"""Types of files that gzip makes smaller. Pictures and fonts are already compressed."""


class StaticServer(ThreadingHTTPServer):
    """Serves `folder` on a free port, for this machine only. `address` doesn't end with a slash."""

    daemon_threads = True

    def __init__(self, folder: Path):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder.resolve()
        self.address = f"http://localhost:{self.server_port}"
        self.sent: dict[str, int] = {}
        """The last response for each path, in bytes: its headers, and its body as it was sent."""


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[StaticServer]:
    """Run a StaticServer during the block."""
    with StaticServer(folder) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        file = self.server.folder / path.lstrip("/")
        if path.endswith("/"):
            file /= "index.html"
        if file.is_file() and file.resolve().is_relative_to(self.server.folder):
            self._answer(200, file)
        else:
            self._answer(404, self.server.folder / "404.html")

    def _answer(self, status: int, file: Path) -> None:
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        body = file.read_bytes() if file.is_file() else b""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if kind.startswith(TEXT) and "gzip" in self.headers.get("Accept-Encoding", ""):
            body = _gzipped(body)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        headers = sum(map(len, self._headers_buffer)) + 2
        self.end_headers()
        self.server.sent[self.path] = headers + len(body)
        with contextlib.suppress(ConnectionError):  # the browser has left the page
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@cache
def _gzipped(body: bytes) -> bytes:
    return gzip.compress(body, 6)
