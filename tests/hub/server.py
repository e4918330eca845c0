"""A small file server for tests, on 127.0.0.1: ranges, broken transfers, and a pretended Hub."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@dataclass
class Site:
    """What is served and how badly. `requests` lists (method, path, Range header)."""

    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    etags: bool = True
    weak: bool = False
    lengths: bool = True
    break_after: int | None = None
    status: dict[str, int] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    authorised: list[str] = field(default_factory=list)
    portal: bool = False
    """Whether it is a network's sign-in page that answers in the Hub's place."""
    address: str = ""

    def put(self, repo: str, file: str, content: bytes) -> None:
        """Add a file to a repository of the pretended Hub, at main and at its commit."""
        for revision in ("main", self.headers["X-Repo-Commit"]):
            self.files[f"/{repo}/resolve/{revision}/{file}"] = content

    def listing(self, path: str) -> bytes | None:
        """What the Hub says of a repository: its files, and the commit they are of."""
        found = re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/[^/?]+)?(?:\?.*)?", path)
        if not found or self.portal:
            return None
        start = f"/{found[1]}/resolve/main/"
        names = [name.removeprefix(start) for name in self.files if name.startswith(start)]
        commit = self.headers.get("X-Repo-Commit", "")
        files = [{"rfilename": name} for name in names]
        return json.dumps({"id": found[1], "sha": commit, "siblings": files}).encode()

    @property
    def sent(self) -> list[str]:
        return [span for method, _, span in self.requests if method == "GET"]


class Handler(BaseHTTPRequestHandler):
    site: Site
    timeout = 10

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self._answer(body=False)

    def do_GET(self):
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        site, path = self.site, self.path
        span = self.headers.get("Range", "")
        site.requests.append((self.command, path, span))
        site.authorised.append(self.headers.get("Authorization", ""))
        content = site.listing(path) or site.files.get(path)
        code = site.status.get(path, 200 if content is not None else 404)
        if code >= 400 or content is None:
            missing = {"X-Error-Code": "EntryNotFound"} if "X-Repo-Commit" in site.headers else {}
            self._head(code, site.headers | missing | {"Content-Length": "0"})
            return
        etag = ("W/" if site.weak else "") + f'"{hashlib.sha256(content).hexdigest()}"'
        start = self._start(span, etag)
        if start >= len(content) > 0:
            self._head(416, {"Content-Range": f"bytes */{len(content)}", "Content-Length": "0"})
            return
        headers = dict(site.headers)
        if site.etags:
            headers["ETag"] = etag
        if site.lengths:
            headers["Content-Length"] = str(len(content) - start)
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self._head(206 if start else 200, headers)
        if body:
            end = len(content) if site.break_after is None else start + site.break_after
            self.wfile.write(content[start:end])

    def _start(self, span: str, etag: str) -> int:
        found = re.fullmatch(r"bytes=(\d+)-", span)
        condition = self.headers.get("If-Range", "")
        if not found or not self.site.ranges or (condition and condition != etag):
            return 0
        return int(found[1])

    def _head(self, code: int, headers: dict[str, str]) -> None:
        self.send_response(code)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()


@contextmanager
def serving() -> Iterator[Site]:
    site = Site()
    handler = type("SiteHandler", (Handler,), {"site": site})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    site.address = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
