"""Lists of texts for tests, and what became of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

WORDS = ("the mill stood by a river", "and water fell over its old weir", "all night long")
VOCABULARY = [word for part in WORDS for word in part.split()]


def sentence(number: int) -> str:
    """Of a length and words that follow from its number."""
    length = 2 + number * 7 % 9
    return (
        " ".join(VOCABULARY[(number * 3 + n * (1 + number % 4)) % 16] for n in range(length)) + "."
    )


def lines(path: Path, tables: Sequence[Any]) -> Path:
    """JSON lines; text is written as it is."""
    found = [t if isinstance(t, str) else json.dumps(t, ensure_ascii=False) for t in tables]
    path.write_text("".join(line + "\n" for line in found), encoding="utf-8")
    return path


def numbered(path: Path, count: int) -> Path:
    return lines(path, [{"id": f"u{n:03}", "text": sentence(n)} for n in range(count)])


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def audio(folder: Path) -> dict[str, str]:
    """Digests of the audio files, by name."""
    found = sorted(p for p in folder.rglob("*") if p.suffix in (".flac", ".wav"))
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in found
    }
