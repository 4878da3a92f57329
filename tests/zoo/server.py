"""A file server on this machine that misbehaves on request."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FileServer(ThreadingHTTPServer):
    """Serves the same bytes under every path and keeps the headers of every request.

    Attributes:
        content: The file.
        etag: Its validator; None: none is sent.
        ranges: Whether it knows the Range header.
        breaks: For each of the next requests, after how many bytes the connection ends.
        statuses: For each of the next requests, the error to answer with.
        redirection: The address that it answers with in place of the file.
        shift: How many bytes before those asked for it begins to send.
        heeds_if_range: Whether it compares the validator before it sends a part.
        success: The status of an answer that sends all.
        length: What it calls the length of what it sends; None: that is left to the end of the connection.
        encoding: What it says the content is compressed with.
        chunked: Whether it sends the content in chunks, the last of which tells the end, instead of a length.
        requests: What was asked for, in order.
    """

    daemon_threads = True

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content = content
        self.etag: str | None = '"first"'
        self.ranges = True
        self.breaks: list[int] = []
        self.statuses: list[int] = []
        self.redirection = ""
        self.shift = 0
        self.heeds_if_range = True
        self.success = 200
        self.length: str | None = "right"
        self.encoding: str | None = None
        self.chunked = False
        self.requests: list[dict[str, str]] = []

    def handle_error(self, *_: object) -> None:
        """Says nothing of clients that hang up."""

    def address(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{name}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # which knows chunks
    server: FileServer

    def do_GET(self) -> None:
        site = self.server
        self.close_connection = True
        site.requests.append(dict(self.headers))
        if site.statuses:
            self.send_error(site.statuses.pop(0))
            return
        if site.redirection:
            self.send_response(302)
            self.send_header("Location", site.redirection)
            self.end_headers()
            return
        total, begin = len(site.content), 0
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        same = not site.heeds_if_range or self.headers.get("If-Range") in (None, site.etag)
        if asked and site.ranges and same:
            begin = int(asked[1]) - site.shift
            if begin >= total:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{total}")
                self.send_header("Content-Length", "0")
                if site.etag:
                    self.send_header("ETag", site.etag)
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {begin}-{total - 1}/{total}")
        else:
            self.send_response(site.success)
        body = site.content[begin:]
        if site.chunked:
            self.send_header("Transfer-Encoding", "chunked")
            half = len(body) // 2
            body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (body[:half], body[half:], b""))
        elif site.length is not None:
            self.send_header("Content-Length", str(total - begin) if site.length == "right" else site.length)
        if site.etag:
            self.send_header("ETag", site.etag)
        if site.encoding:
            self.send_header("Content-Encoding", site.encoding)
        self.end_headers()
        self.wfile.write(body[: site.breaks.pop(0)] if site.breaks else body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def serve(content: bytes) -> Iterator[FileServer]:
    with FileServer(content) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()
