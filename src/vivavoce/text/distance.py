"""How many words (or characters) of a reference were heard otherwise: Levenshtein with counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Counts:
    """Of a cheapest way from the reference to what was heard; what else is right is a hit."""

    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0
    length: int = 0

    @property
    def errors(self) -> int:
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float:
        """Errors by the length of the reference. Without one, whatever was heard is an error."""
        return self.errors / self.length if self.length else float(self.errors)

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
            self.length + other.length,
        )


def compare(reference: Sequence[str], heard: Sequence[str]) -> Counts:
    """Words of two sentences, or the characters of two texts."""
    kinds = [kind for kind, _, _ in alignment(reference, heard)]
    return Counts(kinds.count("sub"), kinds.count("del"), kinds.count("ins"), len(reference))


def alignment(reference: Sequence[str], heard: Sequence[str]) -> list[tuple[str, str, str]]:
    """Steps of a cheapest alignment: `same`, `sub`, `del` or `ins`, with both words."""
    cost = _costs(reference, heard)
    steps = []
    i, j = len(reference), len(heard)
    while i or j:
        differs = bool(i and j) and reference[i - 1] != heard[j - 1]
        if i and j and cost[i, j] == cost[i - 1, j - 1] + differs:
            i, j = i - 1, j - 1
            steps.append(("sub" if differs else "same", reference[i], heard[j]))
        elif i and cost[i, j] == cost[i - 1, j] + 1:
            i -= 1
            steps.append(("del", reference[i], ""))
        else:
            j -= 1
            steps.append(("ins", "", heard[j]))
    return steps[::-1]


def _costs(reference: Sequence[str], heard: Sequence[str]) -> np.ndarray:
    """`[R + 1, H + 1]`: the distance of every beginning of one to every beginning of the other."""
    names = {word: n for n, word in enumerate(dict.fromkeys([*reference, *heard]))}
    other = np.array([names[word] for word in heard], np.int64)
    places = np.arange(len(heard) + 1, dtype=np.int32)
    cost = np.empty((len(reference) + 1, len(heard) + 1), np.int32)
    cost[0] = places
    for row, word in enumerate(reference, 1):
        above = cost[row - 1]
        cost[row, 0] = row
        cost[row, 1:] = np.minimum(above[1:] + 1, above[:-1] + (other != names[word]))
        # an insertion costs one more than what stands to the left, however far
        cost[row] = np.minimum.accumulate(cost[row] - places) + places
    return cost
