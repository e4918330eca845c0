"""What `speak` returns: audio that knows its words, its warnings and how to save itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vivavoce.audio import io
from vivavoce.types import Audio, Word


@dataclass(frozen=True)
class Speech(Audio):
    """Spoken text: samples `[S]` float32, word timings and warnings."""

    words: tuple[Word, ...] = ()
    warnings: tuple[str, ...] = ()
    seed: int = 0

    def save(self, path: str | Path) -> None:
        """Write to a file; its extension is the format.

        Raises UnknownFormat for an extension that cannot be written, OutputError when the file
        cannot be; a failed write leaves no partial file.
        """
        io.write(path, self)
