"""A request to speak, checked: which model, voice, options. The same for every dialect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vivavoce.errors import TextError, near_misses
from vivavoce.serve.encode import LOSSLESS, MEDIA_TYPES, PCM_RATE
from vivavoce.serve.errors import describe, invalid
from vivavoce.serve.fields import Fields, quoted
from vivavoce.serve.job import Work
from vivavoce.serve.service import Service
from vivavoce.serve.table import ModelRow, VoiceRow
from vivavoce.text.check import speakable

FIELDS = (
    *("model", "input", "voice", "response_format", "speed", "stream_format", "seed", "stream"),
    *("language", "sample_rate", "options", "timestamps", "strict"),
)
OWN_OPTIONS = ("voice", "speed", "seed", "on_problem", "stream", "language")
LARGEST_SEED = 2**63 - 1
INSTRUCTIONS = 4096


@dataclass(frozen=True, kw_only=True)
class Ask:
    """A whole request of OpenAI's speech API."""

    work: Work
    text: str
    form: str
    sample_rate: int
    sse: bool
    stream: bool
    timestamps: bool
    ignored: tuple[str, ...]


def read_ask(fields: Fields, service: Service, key: str) -> Ask:
    """Raises ApiError that names the field."""
    fields.required("model")
    fields.required("input")
    ignored = tuple(fields.unknown(FIELDS))
    fields.text("instructions", "", INSTRUCTIONS)
    strict = fields.flag("strict")
    if ignored and strict:
        code = "unsupported_value" if ignored[0] == "instructions" else "unknown_parameter"
        name = quoted(ignored[0])
        raise invalid(code, f"'{name}' is not supported.", name)
    service.table.model(fields.text("model"))
    text = spoken_text(fields.text("input", "", service.config.limits.characters))
    form = fields.choice("response_format", tuple(MEDIA_TYPES), "mp3")
    return Ask(
        work=read_work(fields, service, key, "openai"),
        text=text,
        form=form,
        sample_rate=read_rate(fields, form),
        sse=fields.choice("stream_format", ("audio", "sse"), "audio") == "sse",
        stream=fields.flag("stream", True),
        timestamps=fields.flag("timestamps"),
        ignored=ignored,
    )


def read_work(fields: Fields, service: Service, key: str, dialect: str) -> Work:
    """Model, voice, speed, seed, language and options of any request."""
    voice = service.table.voice(_voice_name(fields), fields.text("model") or None)
    require_consent(voice)
    options = read_options(fields, service.table.models[voice.model])
    return Work(
        voice=voice,
        speed=fields.number("speed", 0.25, 4.0, 1.0),
        seed=fields.integer("seed", 0, LARGEST_SEED, 0),
        options=options | read_language(fields, service, voice),
        key=key,
        dialect=dialect,
    )


def spoken_text(text: str, param: str = "input") -> str:
    """The text with control characters as spaces. Raises ApiError when nothing can be spoken."""
    try:
        return speakable(text)
    except TextError as error:
        told = describe(error, "")
        told.param = param
        raise told from None


def read_rate(fields: Fields, form: str) -> int:
    """Hz, for formats that can have any."""
    rate = fields.integer("sample_rate", 8000, 48_000, PCM_RATE)
    if fields.has("sample_rate") and form not in LOSSLESS:
        message = f"'sample_rate' cannot be chosen for {form}."
        raise invalid("unsupported_value", message, "sample_rate")
    return rate


def require_consent(voice: VoiceRow) -> None:
    if voice.consent == "withdrawn":
        message = "The consent for this voice has been deleted."
        raise invalid("consent_withdrawn", message, "voice")


def read_options(fields: Fields, model: ModelRow) -> dict[str, Any]:
    """The model's own options, by name."""
    options = fields.table("options")
    known = [name for name in model.options if name not in OWN_OPTIONS]
    for name in options:
        if name not in known:
            advice = near_misses(name[:40], known)
            message = f"'{model.name}' has no option {name[:40]!r}. {advice}"
            raise invalid("unknown_option", message.strip(), "options")
    return options


def read_language(fields: Fields, service: Service, voice: VoiceRow) -> dict[str, str]:
    """The language as an option of the model; for others it must be what the voice speaks."""
    language = fields.text("language", "", 35)
    if not language:
        return {}
    if "language" in service.table.models[voice.model].options:
        return {"language": language}
    known = service.table.languages(voice)
    primary = [tag.lower().partition("-")[0] for tag in known]
    if language != "auto" and language.lower().replace("_", "-").partition("-")[0] not in primary:
        message = f"The voice speaks {', '.join(known)}, not {language!r}."
        raise invalid("unsupported_value", message, "language")
    return {}


def _voice_name(fields: Fields) -> str | None:
    """`voice` is a string, or an object with an id."""
    value = fields.raw("voice")
    if isinstance(value, dict):
        value = value.get("id")
        if not isinstance(value, str):
            raise invalid("invalid_type", "'voice' must be a string or {\"id\": string}.", "voice")
    if value is not None and not isinstance(value, str):
        raise invalid("invalid_type", "'voice' must be a string or {\"id\": string}.", "voice")
    if value == "":
        raise invalid("voice_not_found", "'voice' is empty.", "voice")
    return value
