"""Two texts against each other: how many words differ, and which words of one lie in a part."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from vivavoce.errors import MissingExtra
from vivavoce.text.written import written_out

UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]")
"""Scripts without spaces between words: each character counts as one."""

SLACK = 20


@dataclass(frozen=True)
class Aligned:
    """First and behind the last of the given words that belong to a part, and how many match."""

    first: int
    last: int
    n_matched: int


def words(text: str, language: str) -> list[str]:
    """What is compared: words as they are said, without case and punctuation."""
    try:
        said = written_out(text, language).text
    except MissingExtra:  # number words of that language: digits stay digits in both texts
        said = text
    plain = unicodedata.normalize("NFKC", said).casefold()
    plain = UNSPACED.sub(lambda match: f" {match[0]} ", plain.replace("'", "").replace("’", ""))
    return re.findall(r"[^\W_]+", plain)


def word_errors(given: Sequence[str], heard: Sequence[str]) -> float:
    """Insertions, deletions and substitutions over the number of given words."""
    if not given:
        return 0.0 if not heard else 1.0
    row = list(range(len(heard) + 1))
    for i, word in enumerate(given, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            cost = min(row[j] + 1, row[j - 1] + 1, before + (word != other))
            before, row[j] = row[j], cost
    return row[-1] / len(given)


def share_out(given: Sequence[str], heard: Sequence[Sequence[str]]) -> list[Aligned]:
    """Which of the given words lie in each part of a recording, by what was heard in the parts.

    Parts follow one another, and so do the words; each part is looked for behind the one before.
    Words between two parts go to them as the words go that were heard but not found.
    """
    place, missed = 0, 0
    matched: list[tuple[int, int, int, int, int] | None] = []
    for part in heard:
        window = given[place : place + 2 * len(part) + missed + SLACK]
        blocks = SequenceMatcher(None, part, window, autojunk=False).get_matching_blocks()
        found = [b for b in blocks if b.size]
        if sum(b.size for b in found) * 3 < len(part) or not found:
            matched.append(None)
            missed += 2 * len(part)
            continue
        first, last = found[0], found[-1]
        n = sum(b.size for b in found)
        behind = len(part) - last.a - last.size
        matched.append((place + first.b, place + last.b + last.size, first.a, behind, n))
        place, missed = place + last.b + last.size, 0
    return _shared(len(given), matched)


def _shared(
    n_given: int, matched: Sequence[tuple[int, int, int, int, int] | None]
) -> list[Aligned]:
    """The words between parts divided; a part that was not found gets none."""
    known = [(number, one) for number, one in enumerate(matched) if one is not None]
    spans = {number: [one[0], one[1]] for number, one in known}
    for (number, one), (other, following) in itertools.pairwise(known):
        gap = following[0] - one[1]
        if other != number + 1:
            continue  # what lies between belongs to the part that was not found
        behind, ahead = one[3], following[2]
        mine = round(gap * behind / (behind + ahead)) if behind + ahead else 0
        spans[number][1] += mine
        spans[other][0] = one[1] + mine
    if known and known[0][0] == 0:
        spans[0][0] = max(0, known[0][1][0] - known[0][1][2])
    if known and known[-1][0] == len(matched) - 1:
        spans[known[-1][0]][1] = min(n_given, known[-1][1][1] + known[-1][1][3])
    return [
        Aligned(*spans[number], one[4]) if one else Aligned(0, 0, 0)
        for number, one in enumerate(matched)
    ]
