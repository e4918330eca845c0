"""Which of its two readings a word has, by the words around it.

A linear classifier (logistic regression) over the two words before and the two behind, trained on
labelled sentences by `recipes/english_homographs.py`. A word that is not in its vocabulary counts
by its ending. `text/data/english_homographs.txt` holds the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib import resources

PLACES = (-2, -1, 1, 2)
ENDINGS = ("ly", "ing", "ed", "s", "'s", "er", "al", "ous", "ive", "tion")
BREAK = "|"  # a punctuation mark, the beginning or the end

Weights = dict[tuple[str, int, str], float]
"""(word or "" for all words, place, neighbour) -> what it adds to the second reading's score."""


def is_homograph(word: str) -> bool:
    """Whether the classifier knows two readings of this word, in small letters."""
    return (word, 0, "") in _weights()


def second_reading(words: Sequence[str], gaps: Sequence[str], place: int) -> bool:
    """Whether `words[place]` has its second reading (mostly: is a verb).

    `words` are in small letters; `gaps[i]` holds the punctuation before `words[i]`, and one more
    gap comes last.
    """
    weights = _weights()
    word = words[place]
    score = weights[word, 0, ""]
    for offset, near in neighbours(words, gaps, place, _vocabulary()):
        score += weights.get(("", offset, near), 0.0) + weights.get((word, offset, near), 0.0)
    return score > 0


def neighbours(
    words: Sequence[str], gaps: Sequence[str], place: int, vocabulary: frozenset[str]
) -> list[tuple[int, str]]:
    """What stands at each of `PLACES`: a known word, `~` and an ending, or a break.

    Nothing is seen beyond a break.
    """
    found = []
    for offset in PLACES:
        at = place + offset
        between = gaps[min(place, at) + 1 : max(place, at) + 1]
        if not 0 <= at < len(words) or any(gap.strip() for gap in between):
            found.append((offset, BREAK))
        else:
            found.append((offset, _kind(words[at], vocabulary)))
    return found


def _kind(word: str, vocabulary: frozenset[str]) -> str:
    if word in vocabulary:
        return word
    longest = max((end for end in ENDINGS if word.endswith(end)), key=len, default="")
    return "~" + longest


@lru_cache(maxsize=1)
def _weights() -> Weights:
    file = resources.files("vivavoce.text") / "data" / "english_homographs.txt"
    found: Weights = {}
    for line in file.read_text(encoding="ascii").splitlines():
        if line and not line.startswith("#"):
            word, place, near, tenths = line.split("\t")
            found[word.strip("*"), int(place), near.strip("-")] = int(tenths) / 10
    return found


@lru_cache(maxsize=1)
def _vocabulary() -> frozenset[str]:
    return frozenset(near for word, place, near in _weights() if place and near[:1] != "~")
