"""Voices as files: one `.safetensors` each, tensors and facts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor

from vivavoce import files
from vivavoce.checkpoints import safetensors_file
from vivavoce.checkpoints.arrays_file import read_arrays
from vivavoce.errors import BadCheckpoint, UsageError, VoiceError
from vivavoce.hub import paths as cache
from vivavoce.models import MODELS
from vivavoce.types import Voice

FORMAT = "1"
KIND = "vivavoce voice"
SUFFIX, ARRAYS = ".safetensors", ".npz"
FACTS = ("name", "family", "language", "transcript", "licence")
LONGEST_NAME = 100
"""Bytes of UTF-8: file systems stop at 255, and a temporary name is longer."""

RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
AGAIN = "Make the voice again from its recording: vivavoce voices add."


def path_of(name: str) -> Path:
    """Where the voice of that name is kept. Raises UsageError for what cannot name a file."""
    name = unicodedata.normalize("NFC", name)
    tame = bool(name) and all(c.isalnum() or c in "._-" for c in name)
    if not tame or name[0] in ".-" or name[-1] == "." or RESERVED.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be the name of a voice.",
            "Use letters, digits, '_', '-' and '.'; a letter or digit first.",
        )
    if len(name.encode()) > LONGEST_NAME:
        raise UsageError(f"The name {name[:20]!r}… is too long.", f"At most {LONGEST_NAME} bytes.")
    return cache.voices() / (name + SUFFIX)


def saved() -> list[Path]:
    """The files of the user's voices, by name."""
    return [path for path in files.entries(cache.voices()) if path.suffix == SUFFIX]


def save(path: str | Path, voice: Voice, replace: bool = True) -> None:
    """Write one file atomically.

    With `replace=False` an existing file is kept and UsageError is raised, also if another
    process has just written it. Raises OutputError, VoiceError (NaN or infinite tensors).
    """
    path = Path(path)
    _require_finite(voice.tensors, f"The voice '{voice.name}'")
    facts = {key: str(getattr(voice, key)) for key in FACTS}
    facts |= {"kind": KIND, "format": FORMAT, "made_with": f"vivavoce {version('vivavoce')}"}
    try:
        safetensors_file.save(path, voice.tensors, facts, replace)
    except FileExistsError as error:
        raise taken(voice.name) from error


def taken(name: str) -> UsageError:
    """The error for a name that a voice has already."""
    return UsageError(f"A voice '{name}' already exists.", "Choose another name, or replace it.")


def load(path: str | Path) -> Voice:
    """Read a voice file, or an .npz that a family knows; its tensors are copies.

    Raises VoiceError.
    """
    path = Path(path)
    if path.suffix == ARRAYS:
        return _of_arrays(path)
    try:
        tensors, facts = safetensors_file.read(path)
    except BadCheckpoint as error:
        missing = "Check the path." if not path.is_file() else AGAIN
        raise VoiceError(f"{path} is not a voice file: {error.message}", missing) from error
    if facts.get("kind") != KIND:
        raise VoiceError(f"{path} is not a vivavoce voice file.", AGAIN)
    if facts.get("format") != FORMAT:
        raise VoiceError(
            f"{path} has format {facts.get('format')!r}; this version reads {FORMAT!r}.",
            "Update vivavoce.",
        )
    wrong = sorted(set(facts) ^ {*FACTS, "kind", "format", "made_with"})
    if wrong:
        raise VoiceError(f"{path} is damaged: {', '.join(wrong)} missing or not known.", AGAIN)
    _require_finite(tensors, str(path))
    copies = {key: value.clone() for key, value in tensors.items()}
    name, family, language, transcript, licence = (facts[key] for key in FACTS)
    return Voice(name, family, copies, language, transcript, licence)


def _of_arrays(path: Path) -> Voice:
    """By the first family whose arrays they are."""
    try:
        arrays = read_arrays(path)
    except BadCheckpoint as error:
        raise VoiceError(f"{path} is not a voice file: {error.message}", error.advice) from error
    for name in MODELS.names:
        read = MODELS.family(name).voice_of_arrays
        if read is not None and (voice := read(path.stem, arrays)):
            return voice
    held = ", ".join(sorted(arrays)[:5])
    raise VoiceError(
        f"The arrays in {path} ({held}) are not a voice of a supported family.",
        "Give a voice file, or a history prompt of Bark.",
    )


def _require_finite(tensors: Mapping[str, Tensor], what: str) -> None:
    bad = [key for key, value in tensors.items() if not torch.isfinite(value).all()]
    if bad:
        raise VoiceError(f"{what} holds NaN or infinity in {', '.join(bad)}.", AGAIN)
