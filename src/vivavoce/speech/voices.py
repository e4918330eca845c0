"""Voices by name: the speakers of models that are here, and the user's own, one file each.

The content of a voice is defined by the model's family.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from vivavoce.audio import edit, io
from vivavoce.audio.formats import FORMATS, MEDIA_SUFFIXES
from vivavoce.audio.limits import LONGEST_S
from vivavoce.errors import (
    OutputError,
    UnknownModel,
    UnknownVoice,
    UsageError,
    VoiceError,
    near_misses,
)
from vivavoce.hub import library
from vivavoce.hub import voice_file as files
from vivavoce.hub.resolve import match_name
from vivavoce.models import MODELS
from vivavoce.models.base import AcousticModel, Transcriber
from vivavoce.registry import Family
from vivavoce.types import Audio, Voice

Recording = str | Path | Audio
"""The path of an audio file, or what was read from one."""


_RECORDINGS = {f".{name}" for name in (*FORMATS, *MEDIA_SUFFIXES, "aif", "aiff", "au", "oga")}


def make_voice(
    recording: Recording | Sequence[Recording],
    transcript: str = "",
    *,
    name: str = "voice",
    model: str | None = None,
    language: str = "en",
    licence: str = "",
    transcriber: Transcriber | None = None,
    start_s: float = 0.0,
    end_s: float | None = None,
    longest_s: float = LONGEST_S,
) -> Voice:
    """A voice from a recording and its transcript, for the models of one family.

    `model` names any model of that family (default: one that clones). If its weights are needed
    to make the voice, it is loaded on the CPU; some families accept several recordings of one
    person. Only `start_s` to `end_s` is used; files may last `longest_s` at most. Without a
    transcript, `transcriber` (audio, language -> words) is called, for example
    `vivavoce.speech.transcribe.default_transcriber()`.
    Raises AudioError, VoiceError, UnknownModel.
    """
    family = _cloning_family(model)
    audio = heard(recording, start_s, end_s, longest_s)
    make = family.make_voice or _loaded(str(model)).make_voice
    return make(audio, transcript, name, language, licence, transcriber)


def heard(
    recording: Recording | Sequence[Recording],
    start_s: float = 0.0,
    end_s: float | None = None,
    longest_s: float = LONGEST_S,
) -> Audio | tuple[Audio, ...]:
    """The audio for `make_voice` of a family or a model: one recording, or several.

    Raises AudioError, UsageError (no recording, or start and end of several).
    """
    cut = bool(start_s) or end_s is not None
    if isinstance(recording, (str, Path, Audio)):
        audio = (
            recording if isinstance(recording, Audio) else io.read(recording, longest_s=longest_s)
        )
        return edit.cut(audio, start_s, end_s) if cut else audio
    if not recording:
        raise UsageError("There is no recording.", "Give a few seconds of one person's speech.")
    if len(recording) == 1:
        return heard(recording[0], start_s, end_s, longest_s)
    if cut:
        raise UsageError(
            "A start and an end apply to one recording; several are given.",
            "Cut the recordings first, or give one.",
        )
    return tuple(
        one if isinstance(one, Audio) else io.read(one, longest_s=longest_s) for one in recording
    )


def is_recording(name: str | Path) -> bool:
    """Whether a name has the ending of an audio file."""
    return Path(name).suffix.lower() in _RECORDINGS


def load_voice(name: str | Path) -> Voice:
    """One of the user's voices by name, or a voice file by path.

    Raises UnknownVoice with near misses, VoiceError for a damaged file.
    """
    return _load(str(name), ())


def choose(name: str, speakers: Sequence[str], clones: bool) -> str | Voice:
    """The speaker of a model that `name` means, else, if the model clones, a saved voice.

    An exact name has priority; otherwise capitals and accents are ignored. A model that does not
    clone can use voices that were saved from its speakers. Numbers, mixes (`a+b`) and unknown names
    of such a model are returned unchanged: the model itself resolves or refuses them.
    Raises UnknownVoice with near misses, UsageError for a recording, VoiceError for a damaged file.
    """
    speaker = match_name(name, speakers)
    if speaker is None and is_recording(name):
        raise UsageError(f"'{name}' is a recording, not a voice.", f"Clone it with --ref {name}.")
    if speaker is not None and (not clones or speaker == name or _file(name) is None):
        return speaker
    mixed = bool(speakers) and (name.isdecimal() or "+" in name)
    if (mixed or not clones) and _file(name) is None:
        return name
    return _load(name, speakers)


def voices_list() -> list[dict[str, Any]]:
    """The speakers of every installed model, then the user's own voices."""
    return _speakers() + [_row(path) for path in files.saved()]


def voices_show(name: str) -> dict[str, Any]:
    """Raises UnknownVoice, VoiceError for a damaged file."""
    own = _own(name)
    if own is None:
        rows = voices_list()
        found = match_name(name, [row["name"] for row in rows])
        if found is None:
            raise _unknown(name, [row["name"] for row in rows])
        own = _own(found)
        if own is None:
            return next(row for row in rows if row["name"] == found)
    voice = files.load(own)
    row = _facts(own, voice) | {"transcript": voice.transcript}
    if voice.family in MODELS:
        row |= MODELS.family(voice.family).model.describe_voice(voice)
    return row


def voices_add(
    name: str,
    recording: Recording | Sequence[Recording],
    *,
    replace: bool = False,
    warn: Callable[[str], None] | None = None,
    **details: Any,
) -> Path:
    """Make a voice, save it under a name and return its path. `details` are those of `make_voice`.

    A voice file in place of a recording is saved unchanged, except for its name and `licence`.
    `warn` is called with each warning about the recording or its transcript.
    Raises UsageError for an invalid name, or an existing one without `replace`; AudioError,
    VoiceError, UnknownModel, OutputError.
    """
    path = files.path_of(name)
    if path.exists() and not replace:
        raise files.taken(name)
    given = _given_voice(recording)
    if given is None:
        voice = make_voice(recording, name=name, **details)
    else:
        licence = str(details.get("licence") or given.licence)
        voice = dataclasses.replace(given, name=name, licence=licence)
    files.save(path, voice, replace)
    if warn is not None:
        for warning in voice.warnings:
            warn(warning)
    return path


def _given_voice(recording: Recording | Sequence[Recording]) -> Voice | None:
    """What a single path holds that ends as voice files do."""
    several = [recording] if isinstance(recording, (str, Path, Audio)) else list(recording)
    one = several[0] if len(several) == 1 else None
    if isinstance(one, (str, Path)) and Path(one).suffix in (files.SUFFIX, files.ARRAYS):
        return files.load(one)
    return None


def voices_mix(name: str, speakers: str, model: str, *, replace: bool = False) -> Path:
    """Save a speaker of a model, or a mix of several (`a+b`, `a:3+b:1`), as a voice; its path.

    Raises UsageError for an invalid name, or an existing one without `replace`; UnknownVoice,
    UnknownModel, OutputError, and VoiceError if the model's speakers have no vectors.
    """
    path = files.path_of(name)
    if path.exists() and not replace:
        raise files.taken(name)
    voice = _loaded(model).voice(speakers)
    if "embedding" not in voice.tensors:
        raise VoiceError(
            f"The speakers of '{model}' cannot be saved as voices.",
            "Use a vits or xtts model with several speakers.",
        )
    licence = library.show(model).row.licence
    files.save(path, dataclasses.replace(voice, name=name, licence=licence), replace)
    return path


def voices_remove(name: str) -> None:
    """Raises UnknownVoice unless the name is exact, VoiceError for a model's own speaker."""
    own = _own(name)
    if own is None:
        found = voices_show(name)
        if "path" in found:
            raise _unknown(name, [found["name"]])
        raise VoiceError(
            f"'{name}' is part of the model '{found['model']}'.", "It cannot be removed."
        )
    try:
        own.unlink()
    except OSError as error:
        raise OutputError(f"Cannot remove {own}: {error.strerror}.") from error


def cloning_families() -> dict[str, Family[AcousticModel[Any]]]:
    """The families that speak with voices made from recordings, by name."""
    families = {name: MODELS.family(name) for name in MODELS.names}
    return {name: family for name, family in families.items() if family.model.traits.clones}


def _cloning_family(model: str | None) -> Family[AcousticModel[Any]]:
    clones = cloning_families()
    if model is not None:
        shown = library.show(model)
        family = MODELS.family(shown.row.family)
        if not family.model.clones_with(shown.manifest):
            raise VoiceError(
                f"'{model}' cannot make voices from recordings.",
                f"Models of these families do: {', '.join(clones) or 'none yet'}.",
            )
        return family
    ready = [family for family in clones.values() if family.make_voice]
    if not ready:
        raise UnknownModel(
            "No model here makes voices from recordings.", "Name one that does: --model."
        )
    return ready[0]


def _loaded(model: str) -> AcousticModel[Any]:
    """The acoustic model alone, on the CPU. Weights that it does not use stay on the disk."""
    from vivavoce.hub import build

    own, _ = build.split(library.open_model(model, "acoustic"))
    return build.acoustic(own).eval().requires_grad_(False)


def _own(name: str) -> Path | None:
    """The file of one of the user's voices, spelt so: a Mac's disk ignores capitals."""
    try:
        path = files.path_of(name)
    except UsageError:
        return None
    spelt_so = path.is_file() and any(each.name == path.name for each in path.parent.iterdir())
    return path if spelt_so else None


def _file(name: str) -> Path | None:
    """The same, or the file at that path."""
    own = _own(name)
    return own if own or not Path(name).is_file() else Path(name)


def _load(name: str, speakers: Sequence[str]) -> Voice:
    file = _file(name)
    if file is None:
        saved = [path.stem for path in files.saved()]
        found = match_name(name, saved)
        if found is None:
            raise _unknown(name, [*speakers, *saved])
        file = files.path_of(found)
    return files.load(file)


def _speakers() -> list[dict[str, Any]]:
    clones = cloning_families()
    return [
        {
            "name": speaker,
            "model": row.name,
            "family": row.family,
            "language": ", ".join(row.languages),
            "licence": row.licence,
        }
        for row in library.usable(library.installed())
        for speaker in row.speakers or (() if row.family in clones else ("default",))
    ]


def _row(path: Path) -> dict[str, Any]:
    try:
        return _facts(path, files.load(path))
    except VoiceError as error:  # one bad file must not hide the others
        unknown = dict.fromkeys(("model", "family", "language"), "")
        return {"name": path.stem, **unknown, "licence": "", "problem": error.message}


def _speaking(family: str) -> list[str]:
    """The models on this machine that can speak with voices of a family."""
    return [r.name for r in library.usable(library.installed()) if r.family == family]


def _facts(path: Path, voice: Voice) -> dict[str, Any]:
    return {
        "name": path.stem,
        "model": ", ".join(_speaking(voice.family)),
        "family": voice.family,
        "language": voice.language,
        "licence": voice.licence,
        "path": str(path),
    }


def _unknown(name: str, known: list[str]) -> UnknownVoice:
    advice = near_misses(name, known) or "`vivavoce voices list` shows all."
    return UnknownVoice(f"No voice is called '{name}'.", advice)
