"""OpenAI's speech API: `/v1/audio/speech`, `/v1/models`, `/v1/audio/voices`."""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from vivavoce.serve.ask import Ask, read_ask
from vivavoce.serve.body import read_json
from vivavoce.serve.caller import caller_of
from vivavoce.serve.encode import open_encoder
from vivavoce.serve.errors import not_found
from vivavoce.serve.feed import Feed
from vivavoce.serve.fields import Fields, parse_object, quoted
from vivavoce.serve.job import Work
from vivavoce.serve.respond import Shape, SpeechResponse, file_headers
from vivavoce.serve.service import Service
from vivavoce.serve.table import ModelRow

IGNORED = 1000
"""Characters of the header `x-ignored-fields`: proxies take few kilobytes of headers."""


class SpeechAnswer(Response):
    """A text being spoken as one response. Raises ApiError until the first audio is there."""

    def __init__(
        self, service: Service, work: Work, text: str, shape: Shape, rate: int, more: dict[str, str]
    ) -> None:
        self.service, self.work, self.text = service, work, text
        self.shape, self.rate, self.more = shape, rate, more

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self.service.speak(self.work, Feed.whole(self.text)) as stream:
            encoder = open_encoder(
                self.shape.form, stream.rate, self.rate, whole=not self.shape.stream
            )
            headers = file_headers(self.shape.form) | self.more
            headers["x-cache"] = "hit" if stream.cached else "miss"
            response = SpeechResponse(
                service=self.service,
                stream=stream,
                encoder=encoder,
                shape=self.shape,
                headers=headers,
                request_id=caller_of(scope).request_id,
            )
            try:
                await response.send_all(receive, send)
            finally:
                scope["facts"] = stream.facts


class OpenAI:
    """The endpoints, on one service."""

    def __init__(self, service: Service) -> None:
        self.service = service

    @property
    def routes(self) -> list[Route]:
        return [
            Route("/v1/audio/speech", self.speech, methods=["POST"]),
            Route("/v1/models", self.models),
            Route("/v1/models/{name:path}", self.model),
        ]

    async def speech(self, request: Request) -> Response:
        request.scope["dialect"] = "openai"
        self.service.require_room()
        fields = Fields(parse_object(await read_json(request, self.service.config.limits)))
        ask = read_ask(fields, self.service, caller_of(request.scope).key)
        shape = Shape(
            form=ask.form,
            sse=ask.sse,
            stream=ask.stream or ask.sse,
            timestamps=ask.timestamps,
        )
        return SpeechAnswer(self.service, ask.work, ask.text, shape, ask.sample_rate, told(ask))

    async def models(self, request: Request) -> Response:
        rows = [self._row(model) for model in self.service.table.models.values()]
        return JSONResponse({"object": "list", "data": rows})

    async def model(self, request: Request) -> Response:
        name = request.path_params["name"]
        model = self.service.table.models.get(name)
        if model is None:
            raise not_found(f"No model is called {name[:80]!r}.", "model_not_found", "model")
        return JSONResponse(self._row(model))

    def _row(self, model: ModelRow) -> dict[str, object]:
        return {
            "id": model.name,
            "object": "model",
            "created": model.created,
            "owned_by": "vivavoce",
            "loaded": self.service.engine.lanes[model.name].loaded,
            "clones": model.clones,
            "languages": list(model.languages),
            "sample_rate": model.sample_rate,
            "license": model.licence,
            "word_times": model.times_words,
        }


def told(ask: Ask) -> dict[str, str]:
    """What a response says about how it was made."""
    work = ask.work
    headers = {
        "x-seed": str(work.seed),
        "x-model": quote(work.model, safe=" /"),
        "x-voice": quote(work.voice.id, safe=" /"),
    }
    if ask.ignored:
        names = (quote(quoted(name), safe=" ") for name in ask.ignored[:40])
        headers["x-ignored-fields"] = ", ".join(names)[:IGNORED]
    return headers
