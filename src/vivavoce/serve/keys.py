"""API keys: who may ask, compared without telling how much of a guess was right."""

from __future__ import annotations

import hashlib
import hmac
import os
from pathlib import Path

from vivavoce.errors import UsageError

VARIABLE = "VIVAVOCE_API_KEYS"


class Keys:
    """Pairs of a name and a key. Without any, everybody may ask."""

    def __init__(self, pairs: tuple[tuple[str, str], ...] = (), file: Path | None = None) -> None:
        self._given, self._file = pairs, file
        self._pairs: tuple[tuple[str, bytes], ...] = ()
        self.reload()

    @property
    def needed(self) -> bool:
        return bool(self._pairs)

    def reload(self) -> None:
        """Read the file again. Raises UsageError."""
        lines = os.environ.get(VARIABLE, "").replace(",", "\n").splitlines()
        if self._file is not None:
            try:
                lines += self._file.read_text(encoding="utf-8").splitlines()
            except (OSError, UnicodeDecodeError) as error:
                raise UsageError(f"Cannot read the keys in {self._file}: {error}.") from error
        pairs = [*self._given, *(_pair(line) for line in lines if _tells(line))]
        if self._file is not None and not pairs:
            raise UsageError(f"{self._file} holds no key.", "Write one `name:key` per line.")
        self._pairs = tuple((name, key.encode()) for name, key in pairs)

    def name_of(self, key: str) -> str | None:
        """Who has this key. Every key is compared, so that the time tells nothing."""
        found = None
        for name, known in self._pairs:
            if hmac.compare_digest(known, key.encode("latin-1", "replace")):
                found = name
        return found


def _tells(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _pair(line: str) -> tuple[str, str]:
    """`name:key`, or a key alone, which is named by a digest."""
    name, colon, key = line.strip().partition(":")
    if colon:
        return name.strip(), key.strip()
    return "key-" + hashlib.sha256(name.encode()).hexdigest()[:8], name
