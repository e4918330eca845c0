"""The page at `/`: its files are a table made at start, so that no address becomes a path."""

from __future__ import annotations

from importlib.resources import files

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import vivavoce
from vivavoce.serve.errors import not_found
from vivavoce.serve.service import Service

KINDS = {
    "index.html": "text/html; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "sound.js": "text/javascript; charset=utf-8",
    "capture.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
HEADERS = {
    "content-security-policy": (
        "default-src 'self'; media-src 'self' blob:; connect-src 'self'; object-src 'none'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}


class Page:
    """The endpoints. They are open to everybody: the page itself asks for a key."""

    def __init__(self, service: Service) -> None:
        self.service = service
        folder = files("vivavoce.serve") / "page"
        self._files = {name: (folder / name).read_bytes() for name in KINDS}
        self._description = (files("vivavoce.serve") / "openapi.json").read_bytes()

    @property
    def routes(self) -> list[Route]:
        return [
            Route("/", self.index),
            Route("/favicon.ico", self.icon),
            Route("/page/{name}", self.file),
            Route("/x/page.json", self.facts),
            Route("/openapi.json", self.description),
        ]

    async def index(self, request: Request) -> Response:
        return self._answer("index.html")

    async def icon(self, request: Request) -> Response:
        return self._answer("icon.svg")

    async def file(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._files:
            raise not_found("There is no such file.")
        return self._answer(name)

    async def facts(self, request: Request) -> Response:
        """What the page must know before it asks for anything."""
        config = self.service.config
        clones = any(model.clones for model in self.service.table.models.values())
        facts = {
            "version": vivavoce.__version__,
            "needs_key": self.service.keys.needed,
            "max_characters": config.limits.characters,
            "voice_creation": config.voice_creation and clones,
        }
        return JSONResponse(facts, headers={"cache-control": "no-cache"})

    async def description(self, request: Request) -> Response:
        """The HTTP addresses for programs, written by hand (OpenAPI 3.1)."""
        return Response(self._description, media_type="application/json")

    def _answer(self, name: str) -> Response:
        return Response(self._files[name], headers=HEADERS, media_type=KINDS[name])
