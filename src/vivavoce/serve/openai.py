"""OpenAI's speech API: `/v1/audio/speech`, `/v1/models`, `/v1/audio/voices`."""

from __future__ import annotations

import json
import re
import secrets
import time
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from vivavoce.serve.ask import Ask, read_ask
from vivavoce.serve.body import read_json
from vivavoce.serve.caller import Caller, caller_of
from vivavoce.serve.encode import open_encoder
from vivavoce.serve.errors import ApiError
from vivavoce.serve.feed import Feed
from vivavoce.serve.fields import Fields, parse_object, quoted
from vivavoce.serve.job import Work
from vivavoce.serve.logs import request_line
from vivavoce.serve.respond import Shape, SpeechResponse, file_headers
from vivavoce.serve.service import Service
from vivavoce.serve.table import ModelRow

IGNORED = 1000
"""Characters of the header `x-ignored-fields`: proxies take few kilobytes of headers."""


SPEECH = b"POST /v1/audio/speech HTTP/1.1\r\n"
HEADER = re.compile(rb"\n([a-z-]+):[ \t]*([^\r\n]*)")
MOMENT_S = 0.05
"""From a request's first bytes to its place in the queue, with a crowd before it."""
AUTHORIZATION = re.compile(rb"\nauthorization:[ \t]*(?:bearer|token) +([^\s]+)", re.IGNORECASE)


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
        return JSONResponse(self._row(self.service.table.model(request.path_params["name"])))

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


class Refusals:
    """What a full server answers before a request has been taken apart, which costs three times as
    much: a crowd that is refused is refused soon, and disturbs those who listen less.

    None is the answer to whatever could be served, comes from a page, has no valid key or makes no
    sense: that is for the routes to say. A crowd arrives at once, before the first of it is a job:
    who was let in counts for a moment, whether it becomes a job or not.
    """

    def __init__(self, service: Service, moment_s: float = MOMENT_S) -> None:
        self.service, self.moment_s = service, moment_s
        self._let_in: list[int] = []  # hashes of bodies
        self._until, self._asked = 0.0, 0

    def __call__(self, data: bytes, address: str) -> bytes | None:
        service = self.service
        if not data.startswith(SPEECH):
            return None
        head, _, body = data.partition(b"\r\n\r\n")
        headers = dict(HEADER.findall(head.lower()))
        name = address
        if service.keys.needed:
            key = AUTHORIZATION.search(head)
            name = service.keys.name_of(key[1].decode("latin-1")) if key else None
        if name is None or b"origin" in headers:
            return None
        coming = self._coming()
        if service.scheduler.room > coming:
            self._let_in.append(hash(body))
            return None
        length = headers.get(b"content-length", b"")
        may_be_kept = service.cache.used and len(length) < 6
        if may_be_kept and (hash(body) in self._let_in or self._served(body, length, name)):
            return None
        try:
            service.scheduler.require_room(coming)
        except ApiError as error:
            caller = Caller("req_" + secrets.token_hex(12), name, address)
            return self._answer(error, caller)
        return None

    def _coming(self) -> int:
        """How many were let in just now and have not asked the service yet."""
        now = time.monotonic()
        if now > self._until:
            self._let_in, self._until = [], now + self.moment_s
            self._asked = self.service.asked
        return max(0, len(self._let_in) - (self.service.asked - self._asked))

    def _served(self, body: bytes, length: bytes, name: str) -> bool:
        """Whether the routes may have another answer: what is kept, or an error of the request."""
        if length != b"%d" % len(body):
            return True
        try:
            ask = read_ask(Fields(parse_object(body)), self.service, name)
        except ApiError:
            return True
        return self.service.may_have(ask.work, ask.text)

    def _answer(self, error: ApiError, caller: Caller) -> bytes:
        body = json.dumps(error.body()).encode()
        headers = {"content-type": "application/json", "content-length": str(len(body))}
        headers |= {"connection": "close", "x-request-id": caller.request_id} | dict(error.headers)
        lines = "".join(f"{key}: {value}\r\n" for key, value in headers.items())
        self.service.metrics.answered("openai", error.status, 0.0)
        scope = {"method": "POST", "path": "/v1/audio/speech"}
        request_line(scope, caller, error.status, len(body), 0.0)
        return f"HTTP/1.1 {error.status} Service Unavailable\r\n{lines}\r\n".encode() + body


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
