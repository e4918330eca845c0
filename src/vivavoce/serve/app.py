"""All HTTP and WebSocket routes of one server, as an ASGI application."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, Router, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from vivavoce.serve.caller import caller_of
from vivavoce.serve.coqui import Coqui
from vivavoce.serve.deepgram import Deepgram
from vivavoce.serve.errors import ApiError, busy, not_found
from vivavoce.serve.guard import Guard, is_local
from vivavoce.serve.openai import OpenAI
from vivavoce.serve.service import Service
from vivavoce.serve.shelf import Shelf
from vivavoce.serve.static import Page
from vivavoce.serve.voices import Voices
from vivavoce.serve.websocket import Socket


def make_app(service: Service, shelf: Shelf) -> ASGIApp:
    """The application; `service` is started and stopped by the caller."""
    for row in shelf.rows(service.table.models.values()):
        service.table.add(row)

    async def speech_socket(websocket: WebSocket) -> None:
        await Socket(service, websocket).serve()

    async def deepgram_socket(websocket: WebSocket) -> None:
        websocket.scope["dialect"] = "deepgram"
        await Deepgram(service, websocket).serve()

    routes: list[BaseRoute] = [
        *OpenAI(service).routes,
        *Voices(service, shelf).routes,
        *Coqui(service).routes,
        *Operations(service).routes,
        *Page(service).routes,
        WebSocketRoute("/v1/audio/speech/stream", speech_socket),
        WebSocketRoute("/v1/speak", deepgram_socket),
    ]
    return Guard(Router(routes, redirect_slashes=False, default=nowhere), service)


async def nowhere(scope: Scope, receive: Receive, send: Send) -> None:
    """No route has this address, or none for a WebSocket."""
    raise not_found("There is nothing at this address.")


class Operations:
    """Is it alive, is it ready, what does it do."""

    def __init__(self, service: Service) -> None:
        self.service = service

    @property
    def routes(self) -> list[BaseRoute]:
        return [
            Route("/health", self.health),
            Route("/ready", self.ready),
            Route("/metrics", self.metrics),
            Route("/x/models/{name:path}/{what}", self.swap, methods=["POST"]),
        ]

    async def health(self, request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(self, request: Request) -> Response:
        service = self.service
        status = "ok"
        if service.scheduler.closing:
            status = "closing"
        elif not service.ready:
            status = "loading"
        elif service.scheduler.full:
            status = "full"
        lanes = service.engine.lanes.items()
        models = {name: "loaded" if lane.loaded else "not loaded" for name, lane in lanes}
        body = {"status": status, "models": models}
        return JSONResponse(body, 200 if status == "ok" else 503)

    async def swap(self, request: Request) -> Response:
        """Load or unload a model. On a network this needs keys."""
        service, caller = self.service, caller_of(request.scope)
        if not service.keys.needed and not is_local(request.scope, caller):
            message = "This needs an API key, or a request from this machine."
            raise ApiError(403, "disabled", message, None, "permission_error")
        name, what = request.path_params["name"], request.path_params["what"]
        if name not in service.table.models or what not in ("load", "unload"):
            raise not_found("There is nothing at this address.")
        if what == "load":
            await service.load(name)
        elif not await service.unload(name) and service.engine.lanes[name].loaded:
            raise busy("overloaded", "The model is being used.", service.scheduler.retry_s())
        return JSONResponse({"id": name, "loaded": service.engine.lanes[name].loaded})

    async def metrics(self, request: Request) -> Response:
        kind = "text/plain; version=0.0.4; charset=utf-8"
        return Response(self.service.metrics_text(), media_type=kind)
