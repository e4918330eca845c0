"""Who speaks: a voice by name, a recording, a cast. Mistakes are told before a model is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vivavoce.cli.files import read_text
from vivavoce.cli.terminal import say
from vivavoce.errors import UsageError, VoiceError

if TYPE_CHECKING:
    from vivavoce.speech.cast import Cast, Part, Role, Script
    from vivavoce.speech.engine import TTS
    from vivavoce.speech.transcribe import Transcriber
    from vivavoce.types import Audio, Voice


@dataclass(frozen=True)
class Speaker:
    """Who was asked for: at most one of `name` and `recordings`; a script names others."""

    name: str | None = None
    recordings: tuple[Audio, ...] = ()
    labels: tuple[str, ...] = ()  # what the recordings are called
    transcript: str = ""
    language: str | None = None
    transcriber: Transcriber | None = None
    script: Script | None = None

    @property
    def options(self) -> dict[str, Any]:
        """The model's, as the script has them."""
        return dict(self.script.options) if self.script else {}

    @property
    def recorded_in(self) -> str:
        """The language of recordings; empty where it is to be found out."""
        return "" if self.language == "auto" else self.language or "en"


def speaker(
    name: str | None,
    refs: list[Path] | None,
    transcript: str | None,
    transcript_file: Path | None,
    language: str | None,
    transcribe: bool,
    cast: Path | None,
) -> Speaker:
    """The options as they belong together, recordings and cast read.

    Raises UsageError, AudioError, ConfigError, MissingExtra.
    """
    words = transcript is not None or transcript_file is not None
    if name is not None and refs:
        raise UsageError("--voice and --ref are mutually exclusive.", "Give one of them.")
    if words and not refs:
        raise UsageError("--transcript needs a recording.", "Give the recording with --ref.")
    if words and transcribe:
        raise UsageError(
            "--transcript and --transcribe are mutually exclusive.", "Give one of them."
        )
    if transcribe and not refs and cast is None:
        raise _about_nothing("--transcribe")
    from vivavoce.audio import io
    from vivavoce.speech import cast as casts
    from vivavoce.speech.transcribe import default_transcriber

    return Speaker(
        name,
        tuple(io.read(ref) for ref in refs or ()),
        tuple(ref.name for ref in refs or ()),
        read_text(transcript, transcript_file) if words else "",
        language,
        default_transcriber() if transcribe else None,
        None if cast is None else casts.read(cast),
    )


def spoken_language(tts: TTS, who: Speaker) -> dict[str, str]:
    """The option of a model that speaks several languages; nothing for another model.

    There `--language` is about a recording, or has to be what the voice speaks anyway. Raises
    UsageError where it is not.
    """
    if who.language is None:
        return {}
    if any(field.name == "language" for field in fields(tts.model.options_type)):
        return {"language": who.language}
    if who.recordings or who.script is not None:
        return {}
    speaks, languages = _languages(tts, who)
    if not languages:
        raise _about_nothing("--language")
    if who.language != "auto" and _base(who.language) not in map(_base, languages):
        raise UsageError(
            f"{speaks} speaks {', '.join(languages)}.",
            "Leave --language out, or choose another voice or model.",
        )
    return {}


def _languages(tts: TTS, who: Speaker) -> tuple[str, tuple[str, ...]]:
    """Who speaks, a saved voice or the model, and in which languages, where that is known."""
    from vivavoce.hub import library
    from vivavoce.speech.voices import choose

    voice = choose(who.name, tts.voices, tts.clones) if who.name else None
    if voice is not None and not isinstance(voice, str):
        return voice.name, (voice.language,) if voice.language else ()
    rows = (row for row in library.installed() if row.name == tts.name)
    return tts.name, next((row.languages for row in rows), ())


def _base(language: str) -> str:
    return language.strip().lower().replace("_", "-").partition("-")[0]


def source_text(text: str | None, file: Path | None, who: Speaker, cast: Path | None) -> str:
    """What to speak, from the command line, else from the cast file, whose unused keys are told."""
    if who.script is None:
        return read_text(text, file)
    if who.script.unused:
        say(f"warning: ignored keys in {cast}: {', '.join(who.script.unused)}")
    if text is None and file is None and who.script.text:
        return who.script.text
    return read_text(text, file)


def voice_of(tts: TTS, who: Speaker, text: str) -> str | Voice | Cast | None:
    """What the engine takes as voice. Raises VoiceError where the model cannot clone."""
    from vivavoce.speech.cast import MAIN, names_in

    main: str | Voice | None = who.name
    if who.recordings:
        main = _made(tts, who, who.recordings, who.transcript, Path(who.labels[0]).stem)
    first = {} if main is None else {MAIN: main}
    if who.script is not None:
        return _roles(tts, who) | first
    known = {*tts.voices, *_saved(tts)}
    found: dict[str, str | Voice | Role] = {n: n for n in names_in(text, known)}
    return found | first if found else main


def label_of(voice: str | Voice | Cast | None, who: Speaker) -> str | list[str] | None:
    """The voice in a summary."""
    if voice is None or isinstance(voice, str):
        return voice
    return sorted(voice) if not hasattr(voice, "family") else ", ".join(who.labels)  # type: ignore[arg-type]


def _roles(tts: TTS, who: Speaker) -> dict[str, str | Voice | Role]:
    """Each made when its first line comes."""
    from vivavoce.speech.cast import Role

    parts = who.script.parts if who.script else {}
    return {
        name: Role(partial(_of_cast, tts, who, part, name), part.speed)
        for name, part in parts.items()
    }


def _of_cast(tts: TTS, who: Speaker, part: Part, name: str) -> Voice:
    """Raises VoiceError with the voice's name and, where it has no words, the key for them."""
    from vivavoce.speech.cast import MAIN

    try:
        return _made(tts, who, part.recording, part.transcript, name)
    except VoiceError as error:
        key = "ref_text" if name == MAIN else f"voices.{name}.ref_text"
        advice = error.advice if part.transcript else f"Write its words into the cast as {key}."
        raise VoiceError(f"Voice '{name}' of the cast: {error.message}", advice) from error


def _saved(tts: TTS) -> list[str]:
    from vivavoce.hub import voice_file as voices

    return [path.stem for path in voices.saved()] if tts.clones else []


def _about_nothing(option: str) -> UsageError:
    return UsageError(f"{option} needs a recording.", "Give the recording with --ref.")


def _made(
    tts: TTS, who: Speaker, recording: Path | Sequence[Audio], transcript: str, name: str
) -> Voice:
    transcriber = None if transcript else who.transcriber
    how = {"name": name, "language": who.recorded_in, "transcriber": transcriber}
    voice = tts.voice(recording, transcript, **how)  # type: ignore[arg-type]
    for warning in voice.warnings:
        say(f"warning: {warning}")
    if transcriber:
        say(f"transcript of {name}: {voice.transcript}")
    return voice
