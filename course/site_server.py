"""Serve the built site to this machine only. Standard library."""

from __future__ import annotations

import argparse
import functools
import gzip
import http.server
import io
import signal
import sys
from http import HTTPStatus
from pathlib import Path
from typing import Any

from course.ports import HOST

_TEXTS = {".html", ".js", ".css", ".json", ".svg", ".xml"}
_LEVEL = 5  # three times as fast as the highest, and three per cent larger
_LOCAL_NAMES = {"127.0.0.1", "localhost", "[::1]"}


class SiteHandler(http.server.SimpleHTTPRequestHandler):
    """Files of one folder, to requests whose ``Host`` is this machine (a page elsewhere cannot read them by DNS tricks)."""

    protocol_version = "HTTP/1.1"
    timeout = 30

    def send_head(self) -> Any:
        if (self.headers.get("Host") or "").rsplit(":", 1)[0] not in _LOCAL_NAMES:
            self.send_error(HTTPStatus.FORBIDDEN, "The course's site answers only this machine")
            return None
        path = Path(self.translate_path(self.path))
        if path.is_dir():
            path /= "index.html"
        if path.suffix in _TEXTS and "gzip" in self.headers.get("Accept-Encoding", "") and path.is_file():
            return self._send_packed(path)
        return super().send_head()

    def _send_packed(self, path: Path) -> io.BytesIO:
        content = gzip.compress(path.read_bytes(), _LEVEL, mtime=0)
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", self.guess_type(path))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Vary", "Accept-Encoding")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        return io.BytesIO(content)

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-cache")  # a rebuilt page shows at once
        super().end_headers()

    def list_directory(self, path: Any) -> None:
        """Pages only: a folder without ``index.html`` is not found."""
        self.send_error(HTTPStatus.NOT_FOUND, "No such page")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing for each request; the launcher's terminal is for people."""


def make_server(directory: Path, port: int) -> http.server.ThreadingHTTPServer:
    """Return a server that listens already; the caller runs ``serve_forever``."""
    handler = functools.partial(SiteHandler, directory=str(directory))
    server = http.server.ThreadingHTTPServer((HOST, port), handler)
    server.daemon_threads = True
    return server


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m course.site_server", description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--directory", type=Path, default=Path("site"))
    options = parser.parse_args()
    if not (options.directory / "index.html").is_file():
        print(f"{options.directory} holds no built site; run: make site", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with make_server(options.directory, options.port) as server:
        server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
