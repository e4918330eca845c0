"""Two texts against each other: how many words differ, and which words of one lie in a part."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise

from vivavoce.errors import MissingExtra
from vivavoce.text.written import written_out

UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]")
"""Scripts without spaces between words: each character counts as one."""

SLACK = 20


@dataclass(frozen=True)
class TextShare:
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


def share_out(given: Sequence[str], heard: Sequence[Sequence[str]]) -> list[TextShare]:
    """Which of the given words lie in each part of a recording, by what was heard in the parts.

    Parts follow one another, and so do the words; each part is looked for behind the one before.
    Words between two parts go to them as the words go that were heard but not found.
    """
    place, missed = 0, 0
    found: list[_Found | None] = []
    for part in heard:
        window = given[place : place + 2 * len(part) + missed + SLACK]
        blocks = SequenceMatcher(None, part, window, autojunk=False).get_matching_blocks()
        first, last = blocks[0], blocks[-2 if len(blocks) > 1 else -1]
        n_matched = sum(block.size for block in blocks)
        if n_matched * 3 < len(part) or not n_matched:
            found.append(None)
            missed += 2 * len(part)
            continue
        behind = len(part) - last.a - last.size
        end = place + last.b + last.size
        found.append(_Found(place + first.b, end, first.a, behind, n_matched))
        place, missed = end, 0
    return _with_words_between(len(given), found)


@dataclass
class _Found:
    """A part from its first to behind its last word that matched; `before` and `behind` are how
    many more words were heard at its ends.
    """

    first: int
    last: int
    before: int
    behind: int
    n_matched: int


def _with_words_between(n_given: int, found: Sequence[_Found | None]) -> list[TextShare]:
    """The words between parts divided; a part that was not found gets none."""
    if found and (one := found[0]):
        one.first = max(0, one.first - one.before)
    for one, other in pairwise(found):
        if one and other:
            extra = one.behind + other.before
            mine = round((other.first - one.last) * one.behind / extra) if extra else 0
            other.first, one.last = one.last + mine, one.last + mine
    if found and (one := found[-1]):
        one.last = min(n_given, one.last + one.behind)
    return [TextShare(o.first, o.last, o.n_matched) if o else TextShare(0, 0, 0) for o in found]
