"""Hugging Face's hub on this machine, as far as ``huggingface_hub`` asks it for files.

The headers are those that the hub's own server sends (huggingface_hub, ``get_hf_file_metadata`` and
``hf_raise_for_status``).
"""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class HubServer(ThreadingHTTPServer):
    """Serves the files of one repository.

    Attributes:
        files: Their contents, by name.
        refusal: Status and error code in place of every file.
        asked: The names of the files that were asked for, in order, each once in a row.
    """

    daemon_threads = True

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = files
        self.refusal: tuple[int, str] | None = None
        self.asked: list[str] = []

    @property
    def template(self) -> str:
        """What stands in the place of the hub's addresses."""
        return f"http://127.0.0.1:{self.server_address[1]}/{{repo_id}}/resolve/{{revision}}/{{filename}}"


class _Handler(BaseHTTPRequestHandler):
    server: HubServer

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, with_body: bool) -> None:
        site = self.server
        revision, _, name = self.path.partition("/resolve/")[2].partition("/")
        if site.asked[-1:] != [name]:
            site.asked.append(name)
        refusal = site.refusal
        if refusal is None and revision not in ("main", "v1", COMMIT):
            refusal = (404, "RevisionNotFound")
        if refusal is None and name not in site.files:
            refusal = (404, "EntryNotFound")
        content = b"" if refusal else site.files[name]
        self.send_response(refusal[0] if refusal else 200)
        if refusal:
            self.send_header("X-Error-Code", refusal[1])
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if with_body:
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def serve_hub(files: dict[str, bytes]) -> Iterator[HubServer]:
    with HubServer(files) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()
