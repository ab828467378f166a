"""Serve a folder over HTTP like a production web server, with gzipped text."""

import contextlib
import gzip
import threading
from collections.abc import Iterator
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TEXT = ("text/", "application/javascript", "application/json", "application/xml", "image/svg+xml")
"""Types of files that gzip makes smaller. Pictures and fonts are already compressed."""


class StaticServer(ThreadingHTTPServer):
    """Serves a folder on a free port, for this machine only.

    Attributes:
        address: The server's address, without a slash at the end.
        sent: The size of the last response for each path in bytes: its headers, and its body as it was sent.
            Playwright counts the same, except for the bodies of workers' scripts.
    """

    def __init__(self, folder: Path):
        super().__init__(("127.0.0.1", 0), partial(_Handler, directory=folder))
        self.address = f"http://localhost:{self.server_port}"
        self.sent: dict[str, int] = {}


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


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        file = Path(self.translate_path(self.path))
        if self.path.endswith("/"):
            file /= "index.html"
        if file.is_file():
            self._send(200, file)
        else:
            self._send(404, Path(self.directory, "404.html"))

    def _send(self, status: int, file: Path) -> None:
        kind = self.guess_type(file)
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
