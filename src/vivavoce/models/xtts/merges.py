"""Byte-pair merges that a vocabulary lacks for new texts (Sennrich 2016, arXiv:1508.07909).

Pure: knows words and tokens, no files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Set
from itertools import pairwise

Word = tuple[str, ...]
Pair = tuple[str, str]
RAREST = 2
"""A pair that occurs less often is no merge."""


def learned(words: Mapping[Word, int], wanted: int, known: Set[str]) -> list[Pair]:
    """Pairs to merge, the most frequent first, until they make `wanted` tokens not in `known`.

    `words` are sequences of tokens with how often each occurs. Of pairs as frequent as each other
    the first in alphabetical order is taken.
    """
    state = _Words(words)
    found: list[Pair] = []
    new: set[str] = set()
    while len(new) < wanted:
        pair = state.most_frequent()
        if pair is None:
            break
        state.merge(pair)
        found.append(pair)
        if (token := "".join(pair)) not in known:
            new.add(token)
    return found


class _Words:
    """Words as they are after the merges so far, and how often each pair of neighbours occurs."""

    def __init__(self, words: Mapping[Word, int]) -> None:
        self.words = [list(word) for word in words]
        self.counts = list(words.values())
        self.pairs: Counter[Pair] = Counter()
        self.places: dict[Pair, set[int]] = {}
        for place in range(len(self.words)):
            self._count(place, 1)

    def most_frequent(self) -> Pair | None:
        best = min(self.pairs.items(), key=lambda item: (-item[1], item[0]), default=None)
        return None if best is None or best[1] < RAREST else best[0]

    def merge(self, pair: Pair) -> None:
        for place in sorted(self.places[pair]):
            self._count(place, -1)
            self.words[place] = _merged(self.words[place], pair)
            self._count(place, 1)

    def _count(self, place: int, sign: int) -> None:
        word = self.words[place]
        for pair in pairwise(word):
            self.pairs[pair] += sign * self.counts[place]
            if not self.pairs[pair]:
                del self.pairs[pair]
            self.places.setdefault(pair, set()).add(place)


def _merged(word: list[str], pair: Pair) -> list[str]:
    out: list[str] = []
    for token in word:
        if out and (out[-1], token) == pair:
            out[-1] += token
        else:
            out.append(token)
    return out
