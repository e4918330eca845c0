"""The addresses of Coqui's `tts-server` and of MaryTTS: one text in, one whole wav out."""

from __future__ import annotations

from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from vivavoce.serve.ask import read_work, spoken_text
from vivavoce.serve.body import read_values
from vivavoce.serve.caller import caller_of
from vivavoce.serve.encode import PCM_RATE
from vivavoce.serve.errors import invalid
from vivavoce.serve.fields import Fields
from vivavoce.serve.openai import SpeechAnswer
from vivavoce.serve.respond import Shape
from vivavoce.serve.service import Service

NAMES = ("text", "speaker_id", "language_id", "style_wav", "speaker_wav")


class Coqui:
    """`/api/tts`, `/locales`, `/voices`, `/process`."""

    def __init__(self, service: Service) -> None:
        self.service = service

    @property
    def routes(self) -> list[Route]:
        both = ["GET", "POST"]
        return [
            Route("/api/tts", self.api, methods=both),
            Route("/process", self.process, methods=both),
            Route("/locales", self.locales),
            Route("/voices", self.voices),
        ]

    async def api(self, request: Request) -> Response:
        values = await read_values(request, self.service.config.limits)
        for name in NAMES:
            given = request.headers.get(name.replace("_", "-"))
            if given:
                values[name] = unquote(given)
        for name in ("style_wav", "speaker_wav"):
            if name in values:
                message = f"'{name}' is not supported. Make a voice, and pass its id as speaker_id."
                raise invalid("unsupported_value", message, name)
        return self._wav(
            request, values.get("text", ""), values.get("speaker_id"), values.get("language_id")
        )

    async def process(self, request: Request) -> Response:
        """MaryTTS' way to ask; what else it knows is ignored."""
        values = await read_values(request, self.service.config.limits)
        locale = values.get("LOCALE", "").replace("_", "-") or None
        return self._wav(
            request, values.get("INPUT_TEXT", ""), self._meant(values.get("VOICE")), locale
        )

    async def locales(self, request: Request) -> Response:
        table = self.service.table
        found = {tag for row in table.voices.values() for tag in table.languages(row)}
        return PlainTextResponse("".join(f"{tag.replace('-', '_')}\n" for tag in sorted(found)))

    async def voices(self, request: Request) -> Response:
        table = self.service.table
        lines = (
            f"{row.id.replace(' ', '_')} {table.languages(row)[0].replace('-', '_')} u\n"
            for row in table.voices.values()
        )
        return PlainTextResponse("".join(lines))

    def _meant(self, name: str | None) -> str | None:
        """MaryTTS' names have no spaces."""
        known = {row_id.replace(" ", "_"): row_id for row_id in self.service.table.voices}
        return known.get(name, name) if name else None

    def _wav(
        self, request: Request, text: str, voice: str | None, language: str | None
    ) -> Response:
        if not text.strip():
            raise invalid("missing_required_parameter", "Text parameter is required", "text")
        request.scope["dialect"] = "coqui"
        longest = self.service.config.limits.characters
        Fields({"text": text}).text("text", "", longest)
        fields = Fields({"voice": voice, "language": language})
        work = read_work(fields, self.service, caller_of(request.scope).key, "coqui")
        rate = self.service.table.models[work.model].sample_rate or PCM_RATE
        shape = Shape(form="wav", stream=False)
        return SpeechAnswer(self.service, work, spoken_text(text, "text"), shape, rate, {})
