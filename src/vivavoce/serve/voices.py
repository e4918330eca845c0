"""OpenAI's voices and consents: `/v1/audio/voices`, `/v1/audio/voice_consents`."""

from __future__ import annotations

import asyncio
import re
import time
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from vivavoce.serve.body import read_json
from vivavoce.serve.caller import caller_of
from vivavoce.serve.cloning import Wish, make_voice
from vivavoce.serve.errors import ApiError, busy, invalid, not_found
from vivavoce.serve.fields import Fields, parse_object, whole_number
from vivavoce.serve.forms import read_form
from vivavoce.serve.recordings import read_recording, too_long
from vivavoce.serve.service import Service
from vivavoce.serve.shelf import Consent, Shelf
from vivavoce.serve.table import ModelRow

LABEL = re.compile(r"[\w .-]{1,64}")
LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
CONSENT_S = 2.0
CONSENTS = 2000
UPLOADS = 4
"""Recordings that are received or wait for their turn: each may hold 12 MiB."""


class Voices:
    """The endpoints. One voice is made at a time."""

    def __init__(self, service: Service, shelf: Shelf) -> None:
        self.service, self.shelf = service, shelf
        self.one = asyncio.Lock()
        self.uploads = 0
        self.made_at: defaultdict[str, deque[float]] = defaultdict(deque)

    @property
    def routes(self) -> list[Route]:
        voice, consent = "/v1/audio/voices", "/v1/audio/voice_consents"
        return [
            Route(voice, self.list_voices, methods=["GET"]),
            Route(voice, self.create_voice, methods=["POST"]),
            Route(voice + "/{name}", self.voice, methods=["GET", "DELETE"]),
            Route(consent, self.list_consents, methods=["GET"]),
            Route(consent, self.create_consent, methods=["POST"]),
            Route(consent + "/{name}", self.consent, methods=["GET", "POST", "DELETE"]),
        ]

    async def list_voices(self, request: Request) -> Response:
        table = self.service.table
        rows = table.voices.values()
        wanted = request.query_params.get("model")
        if wanted:
            name = table.model(wanted).name
            rows = [row for row in rows if row.model == name]
        data = [row.as_json() for row in rows]
        return JSONResponse({"object": "list", "data": data, "voices": data})

    async def voice(self, request: Request) -> Response:
        name = request.path_params["name"]
        row = self.service.table.voices.get(name)
        if row is None or (request.method == "DELETE" and name not in self.shelf.made):
            raise not_found(f"No voice has the id {name[:80]!r}.", "voice_not_found", "voice")
        if request.method == "GET":
            return JSONResponse(row.as_json())
        self._require_allowed()
        self.service.table.remove(name)
        self.shelf.remove_voice(name)
        body = {"id": name, "deleted": True, "object": "audio.voice.deleted"}
        return JSONResponse(body)

    async def create_voice(self, request: Request) -> Response:
        with self._place():
            return await self._create_voice(request)

    async def _create_voice(self, request: Request) -> Response:
        async with read_form(request, self.service.config.limits) as form:
            fields = _fields(form)
            if fields.text("type", "audio_sample") != "audio_sample":
                message = "Voices are made from recordings: 'type' must be audio_sample."
                raise invalid("unsupported_value", message, "type")
            wish = Wish(
                name=self._new_name(fields),
                consent=self._consent_of(fields),
                sample=await self._recording(form, "audio_sample"),
                transcript=fields.text("transcript", "", 2000),
                language=_language(fields, "en"),
                licence=fields.text("license", "", 200),
                model=self._cloning_model(fields),
            )
        self._count(caller_of(request.scope).key)
        if len(self.shelf.made) >= self.service.config.limits.voices:
            raise invalid("invalid_value", "There are too many voices. Delete some first.")
        async with self.one:
            row = await make_voice(wish, self.service, self.shelf)
        body = {"object": "audio.voice", "type": "audio_sample"}
        return JSONResponse(row.as_json() | body)

    async def list_consents(self, request: Request) -> Response:
        limit = whole_number(request.query_params.get("limit", "20"))
        if not 1 <= limit <= 100:
            raise invalid("invalid_value", "'limit' must be from 1 to 100.", "limit")
        rows = list(self.shelf.consents.values())
        after = request.query_params.get("after")
        if after:
            ids = [row.id for row in rows]
            if after not in ids:
                raise invalid("consent_not_found", "There is no such consent.", "after")
            rows = rows[ids.index(after) + 1 :]
        page = rows[:limit]
        body: dict[str, Any] = {"object": "list", "data": [row.as_json() for row in page]}
        body["first_id"] = page[0].id if page else None
        body["last_id"] = page[-1].id if page else None
        return JSONResponse(body | {"has_more": len(rows) > len(page)})

    async def create_consent(self, request: Request) -> Response:
        with self._place():
            return await self._create_consent(request)

    async def _create_consent(self, request: Request) -> Response:
        async with read_form(request, self.service.config.limits) as form:
            fields = _fields(form)
            name = _label(fields)
            fields.required("language")
            language = _language(fields, "")
            recording = await self._recording(form, "recording")
        if len(self.shelf.consents) >= CONSENTS:
            raise invalid("invalid_value", "There are too many consents. Delete some first.")
        async with self.one:
            await asyncio.to_thread(read_recording, recording, "recording", CONSENT_S)
        consent = self.shelf.add_consent(name, language, recording)
        return JSONResponse(consent.as_json())

    async def consent(self, request: Request) -> Response:
        name = request.path_params["name"]
        consent = self.shelf.consents.get(name)
        if consent is None:
            raise not_found(f"No consent has the id {name[:80]!r}.", "consent_not_found")
        if request.method == "GET":
            return JSONResponse(consent.as_json())
        self._require_allowed()
        if request.method == "POST":
            fields = Fields(parse_object(await read_json(request, self.service.config.limits)))
            return JSONResponse(self.shelf.rename_consent(consent, _label(fields)).as_json())
        self.shelf.remove_consent(name)
        for row in self.shelf.rows(self.service.table.models.values()):
            self.service.table.add(row)  # those of this consent are withdrawn now
        body = {"id": name, "deleted": True, "object": "audio.voice_consent"}
        return JSONResponse(body)

    def _require_allowed(self) -> None:
        if not self.service.config.voice_creation:
            message = "This server cannot make voices."
            raise ApiError(403, "disabled", message, None, "permission_error")

    @contextmanager
    def _place(self) -> Iterator[None]:
        """Hold one of the places for uploads. Raises ApiError: 403, or 503 where all are taken."""
        self._require_allowed()
        if self.uploads >= UPLOADS:
            raise busy("overloaded", "Too many recordings are being uploaded.", 2)
        self.uploads += 1
        try:
            yield
        finally:
            self.uploads -= 1

    def _count(self, key: str) -> None:
        """Raises ApiError 429 for a client that makes too many."""
        times, now = self.made_at[key], time.monotonic()
        while times and times[0] < now - 60:
            times.popleft()
        most = self.service.config.limits.voices_a_minute
        if len(times) >= most:
            message = f"At most {most} voices can be made per minute."
            headers = {"retry-after": str(max(1, round(60 - (now - times[0])) if times else 60))}
            code = "rate_limit_exceeded"
            raise ApiError(429, code, message, None, "rate_limit_error", headers)
        times.append(now)

    async def _recording(self, form: FormData, name: str) -> bytes:
        upload = form.get(name)
        if not isinstance(upload, UploadFile):
            raise invalid("missing_required_parameter", f"'{name}' must be a file.", name)
        data = await upload.read()
        limit = self.service.config.limits.recording_bytes
        if len(data) > limit:
            raise too_long(len(data), limit, name)
        return data

    def _new_name(self, fields: Fields) -> str:
        name = _label(fields)
        speakers = {row.id for row in self.service.table.voices.values() if not row.cloned}
        if name in speakers:
            raise invalid("name_taken", f"A model has a voice {name!r} already.", "name")
        return name

    def _consent_of(self, fields: Fields) -> Consent:
        fields.required("consent")
        consent = self.shelf.consents.get(fields.text("consent"))
        if consent is None:
            message = "There is no such consent. Make one: POST /v1/audio/voice_consents."
            raise invalid("consent_not_found", message, "consent")
        return consent

    def _cloning_model(self, fields: Fields) -> ModelRow:
        table = self.service.table
        asked = fields.text("model")
        if asked and asked not in table.aliases:
            row = table.model(asked)
            if not row.clones:
                raise invalid("unsupported_value", f"'{row.name}' cannot make voices.", "model")
            return row
        found = next((row for row in table.models.values() if row.clones), None)
        if found is None:
            message = "No model of this server makes voices from recordings."
            raise invalid("unsupported_value", message, "model")
        return found


def _fields(form: FormData) -> Fields:
    return Fields({key: value for key, value in form.items() if isinstance(value, str) and value})


def _label(fields: Fields) -> str:
    fields.required("name")
    name = fields.text("name").strip()
    if LABEL.fullmatch(name) is None:
        message = "'name' must be 1 to 64 letters, digits, spaces, '_', '-' or '.'."
        raise invalid("invalid_value", message, "name")
    return name


def _language(fields: Fields, default: str) -> str:
    language = fields.text("language", default)
    if LANGUAGE.fullmatch(language) is None:
        raise invalid("invalid_value", "'language' must be a tag such as en-US.", "language")
    return language
