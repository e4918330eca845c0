"""Voices by name: the speakers of models that are here, and the user's own, one file each.

Knows no families: what a voice is made of, the model's family knows.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from vivavoce import models
from vivavoce.audio import edit, io
from vivavoce.errors import (
    OutputError,
    UnknownModel,
    UnknownVoice,
    UsageError,
    VoiceError,
    near_misses,
)
from vivavoce.synthesis import library
from vivavoce.types import Audio, Voice
from vivavoce.weights import store
from vivavoce.weights import voices as files


def make_voice(
    recording: str | Path | Audio,
    transcript: str = "",
    *,
    name: str = "voice",
    model: str | None = None,
    language: str = "en",
    licence: str = "",
    transcriber: Callable[[Audio, str], str] | None = None,
    start_s: float = 0.0,
    end_s: float | None = None,
) -> Voice:
    """A voice from a recording and the words said in it, for the models of one family.

    `model` names any model of that family (default: one that clones). Only the seconds from
    `start_s` to `end_s` are used. Without a transcript, `transcriber` (audio, language -> words)
    is asked; `vivavoce.synthesis.transcribe.default_transcriber()` is one.
    Raises AudioError, VoiceError, UnknownModel.
    """
    family = _cloning_family(model)
    audio = recording if isinstance(recording, Audio) else io.read(recording)
    if start_s or end_s is not None:
        audio = edit.cut(audio, start_s, end_s)
    return family.make_voice(audio, transcript, name, language, licence, transcriber)


def load_voice(name: str | Path) -> Voice:
    """One of the user's voices by name, or a voice file by path.

    Raises UnknownVoice with near misses, VoiceError for a damaged file.
    """
    own = _own(str(name))
    if own is None and Path(name).is_file():
        own = Path(name)
    if own is None:
        raise _unknown(str(name), [path.stem for path in files.saved()])
    return files.load(own)


def voices_list() -> list[dict[str, Any]]:
    """The speakers of every model that is here, then the user's own voices."""
    return _speakers() + [_row(path) for path in files.saved()]


def voices_show(name: str) -> dict[str, Any]:
    """Raises UnknownVoice, VoiceError for a damaged file."""
    own = _own(name)
    if own is not None:
        voice = files.load(own)
        row = _facts(own, voice) | {"transcript": voice.transcript}
        if voice.family in models.cloning_families():
            row |= models.family(voice.family).describe_voice(voice)
        return row
    rows = voices_list()
    found = next((row for row in rows if row["name"] == name), None)
    if found is None:
        raise _unknown(name, [row["name"] for row in rows])
    return found


def voices_add(
    name: str,
    recording: str | Path | Audio,
    *,
    replace: bool = False,
    **details: Any,
) -> Path:
    """Make a voice and keep it under a name; its file. `details` is what `make_voice` takes.

    Raises UsageError for a name that cannot be, or that is taken unless `replace`; AudioError,
    VoiceError, UnknownModel, OutputError.
    """
    path = files.path_of(name)
    if path.exists() and not replace:
        raise UsageError(
            f"There is a voice '{name}' already.", "Choose another name, or replace it."
        )
    files.save(path, make_voice(recording, name=name, **details))
    return path


def voices_remove(name: str) -> None:
    """Raises UnknownVoice for an unknown name, VoiceError for a model's own speaker."""
    own = _own(name)
    if own is None:
        found = voices_show(name)
        raise VoiceError(
            f"'{name}' is part of the model '{found['model']}'.", "It cannot be removed."
        )
    try:
        own.unlink()
    except OSError as error:
        raise OutputError(f"Cannot remove {own}: {error.strerror}.") from error


def _cloning_family(model: str | None) -> ModuleType:
    clones = models.cloning_families()
    if model is not None:
        chosen = library.show(model)["family"]
        if chosen not in clones:
            raise VoiceError(
                f"'{model}' makes no voices from recordings.",
                f"Models of these families do: {', '.join(clones) or 'none yet'}.",
            )
        return models.family(chosen)
    if not clones:
        raise UnknownModel("No model here makes voices from recordings.", "Train one instead.")
    return models.family(clones[0])


def _own(name: str) -> Path | None:
    """The file of one of the user's voices."""
    try:
        path = files.path_of(name)
    except UsageError:
        return None
    return path if path.is_file() else None


def _speakers() -> list[dict[str, Any]]:
    rows = []
    clones = models.cloning_families()
    for entry in library.installed():
        if not entry["installed"] or entry["kind"] != "acoustic":
            continue
        manifest = store.read_manifest(library.path(entry["name"]))
        alone = () if entry["family"] in clones else ("default",)
        rows += [
            {
                "name": speaker,
                "model": entry["name"],
                "family": entry["family"],
                "language": ", ".join(entry.get("languages", ())),
                "licence": entry.get("licence", ""),
            }
            for speaker in manifest.get("speakers") or alone
        ]
    return rows


def _row(path: Path) -> dict[str, Any]:
    try:
        return _facts(path, files.load(path))
    except VoiceError as error:  # one bad file must not hide the others
        unknown = dict.fromkeys(("model", "family", "language"), "")
        return {"name": path.stem, **unknown, "licence": "", "problem": error.message}


def _facts(path: Path, voice: Voice) -> dict[str, Any]:
    return {
        "name": path.stem,
        "model": voice.family,
        "family": voice.family,
        "language": voice.language,
        "licence": voice.licence,
        "path": str(path),
    }


def _unknown(name: str, known: list[str]) -> UnknownVoice:
    advice = near_misses(name, known) or "`vivavoce voices list` shows all."
    return UnknownVoice(f"No voice is called '{name}'.", advice)
