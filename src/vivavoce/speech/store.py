"""Speech that is found by what decides its samples, not by where it stands.

Books and bulk work keep what they have spoken here: an interrupted run goes on with what is
missing, and a changed sentence is the only one that is spoken again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivavoce import files
from vivavoce.audio import io
from vivavoce.errors import AudioError, OutputError
from vivavoce.types import Audio


@dataclass(frozen=True)
class StoredSpeech:
    """Samples `[S]` of a text, and what should be known of them. `note` is the caller's."""

    samples: NDArray[np.float32]
    warnings: tuple[str, ...] = ()
    note: Mapping[str, Any] = field(default_factory=dict)


class Store:
    """Texts as FLAC files of 16 bit in a folder, each complete or absent.

    `facts` is what decides the samples beside the text. What is damaged counts as missing. With
    `exact` the samples are kept as they are, in WAV files that take four times the space.
    """

    def __init__(self, folder: Path, facts: Mapping[str, str], exact: bool = False) -> None:
        self.folder = folder
        self._facts = dict(facts)
        self._format = "wav-float" if exact else "flac"

    def of(self, **facts: str) -> Store:
        """The same folder, with more that decides the samples."""
        return Store(self.folder, self._facts | facts, self._format != "flac")

    def key(self, text: str) -> str:
        """32 hexadecimal digits that name the text."""
        return key_of(self._facts | {"text": text})

    def seed(self, text: str) -> int:
        """Random draws that follow from the content: what stands before it does not change them."""
        return int(self.key(text)[:12], 16)

    def __contains__(self, text: str) -> bool:
        return self._path(text).is_file()

    def get(self, text: str, sample_rate: int) -> StoredSpeech | None:
        """What was put for the text; None where it is missing or damaged."""
        path = self._path(text)
        if not path.is_file():
            return None
        try:
            audio = io.read(path)
        except (AudioError, OSError):
            return None
        if audio.findings or audio.sample_rate != sample_rate:
            return None
        note = files.read_json(path.with_suffix(".json"))
        warnings = note.get("warnings")
        known = tuple(map(str, warnings)) if isinstance(warnings, list) else ()
        return StoredSpeech(np.asarray(audio.samples, np.float32), known, note)

    def attempt(self, text: str) -> int:
        """Of how many with other draws what is kept was chosen, from 0."""
        found = files.read_json(self._path(text).with_suffix(".json")).get("attempt", 0)
        return found if isinstance(found, int) else 0

    def put(
        self,
        text: str,
        audio: Audio,
        warnings: tuple[str, ...] = (),
        attempt: int = 0,
        note: Mapping[str, Any] | None = None,
    ) -> None:
        """`note` is plain data, given back with the samples. Raises OutputError."""
        path = self._path(text)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"Cannot write to {self.folder}: {error.strerror}.", files.ADVICE
            ) from error
        beside = path.with_suffix(".json")
        if warnings or note:
            own = {"text": text, "warnings": list(warnings), "attempt": attempt}
            content = json.dumps({**(note or {}), **own}, ensure_ascii=False)
            files.write_text(beside, content)
        else:
            beside.unlink(missing_ok=True)
        io.write(path, audio, self._format)

    def _path(self, text: str) -> Path:
        key = self.key(text)
        suffix = "flac" if self._format == "flac" else "wav"
        return self.folder / key[:2] / f"{key}.{suffix}"


def key_of(facts: Mapping[str, object]) -> str:
    """32 hexadecimal digits of plain data, whatever the order of its keys."""
    text = json.dumps(facts, sort_keys=True)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
