"""Names as people type them: capitals and accents need not be right. Knows no voices."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

ALIKE = str.maketrans("ıłøđ", "ilod")
"""Letters that look like others and that Unicode does not take apart."""


def meant(name: str, known: Iterable[str]) -> str | None:
    """The known name spelt exactly so, else the only one but for capitals, accents and spaces."""
    names = list(dict.fromkeys(known))
    if name in names:
        return name
    alike = [one for one in names if _folded(one) == _folded(name)]
    return alike[0] if len(alike) == 1 else None


def _folded(name: str) -> str:
    parts = unicodedata.normalize("NFKD", name.casefold())
    bare = "".join(c for c in parts if not unicodedata.combining(c))
    return " ".join(bare.translate(ALIKE).split())
