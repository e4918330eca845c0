"""Which clips are held out for validation: by their text, so that no text is on both sides."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence

from vivavoce.data.alignment import words

FEWEST = 16
MOST = 0.1
"""Of the clips, where sixteen would be more than that."""


def held_out(texts: Sequence[str], language: str, part: float) -> set[int]:
    """Numbers of the clips for validation: `part` of them, at least 16, at most a tenth.

    The choice follows from each text alone, so that new clips do not change it for the old ones,
    and is spread over the recordings by chance.
    """
    groups: dict[str, list[int]] = defaultdict(list)
    for number, text in enumerate(texts):
        groups[" ".join(words(text, language))].append(number)
    if part <= 0.0 or len(groups) < 2:
        return set()
    wanted = max(1, min(max(FEWEST, round(part * len(texts))), int(MOST * len(texts))))
    order = sorted(groups, key=lambda text: hashlib.sha256(text.encode()).digest())
    chosen: set[int] = set()
    for text in order:
        if len(chosen) >= wanted:
            break
        if len(chosen) + len(groups[text]) <= len(texts) // 2:
            chosen.update(groups[text])
    return chosen
