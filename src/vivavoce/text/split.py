"""Source text -> sentences and bounded chunks, each with its exact place in the source.

Handles the punctuation of many scripts. Never changes a character.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterator

from vivavoce.errors import UsageError
from vivavoce.text.wordlists import STARTERS, words
from vivavoce.types import Chunk

CLAUSE_PAUSE_S, SENTENCE_PAUSE_S, PARAGRAPH_PAUSE_S = 0.12, 0.35, 0.7

CLOSERS = "\"'”’»›)\\]}」』）】》〉"
OPENERS = "\"'“‘«‹([{「『（【《〈¿¡—–-"
NOTE = r"\[(?:note )?\d{1,3}(?:(?:, ?|[-–])\d{1,3}){0,9}\]|[¹²³⁰⁴-⁹†‡]"
# Latin-like marks end a sentence before a space; marks of scripts without spaces always do.
BOUNDARY = re.compile(
    rf"(?P<stop>(?<![.!?…])[.!?…]++[{CLOSERS}]*+(?P<note>(?:{NOTE})*+))(?=\s|\Z)"
    rf"|(?P<firm>[。！？｡．।॥؟۔։።។။༎⸮]++[!?…]*+[{CLOSERS}]*+)"
    r"|(?P<paragraph>\n[^\S\n]*+\n\s*+|\u2029|\n(?=[^\S\n]{0,8}(?:[-*•–]|\d{1,3}[.)])[ \t]))"
)
CLAUSE = re.compile(rf"[,;:—–)\]][{CLOSERS}]*+(?=\s)|[，、；：،؛—…]|--")
SPACE = re.compile(r"\s++")
WORD = re.compile(r"[^\W\d_]+")
WRITTEN = re.compile(r"[^\s、。，．！？；：…「」『』（）《》]+")
LAST_TOKEN = re.compile(r"[^\s\"'“‘«(\[—–/]*\Z")

# Never the last word of a sentence, or only where a common sentence opener follows.
TITLES = words(
    """
    mr mrs ms dr prof gen col sgt capt cpl lt maj cmdr adm pvt rev hon sen rep gov pres supt fr
    mt messrs mme mlle hr sra srta dña vs cf approx viz al bzw ca usw z.b d.h sr.a hrsg nr str
    """
)
BEFORE_NUMBERS = words(
    """
    no nos vol vols ch chap fig figs p pp pg pgs sec art eq op nr ca c s para paras min max rs cor
    rm apt ste ext jan feb febr mar apr jun jul aug sep sept oct nov dec mon tue tues thu thur
    thurs fri
    """
)
MAY_END = words(
    """
    st inc ltd co corp jr sr esq ave blvd rd bros etc dept univ ft usw
    """
)
MONTHS = re.compile(
    r"(?:Jan|Feb|Febr|März|Mar|Apr|Mai|Maj|Jun|Jul|Aug|Sep|Okt|Oct|Nov|Dez|Dec|Jahrhundert|Klasse)"
)


def sentences(text: str) -> list[Chunk]:
    """Every sentence of the text; `pause_s` tells sentence ends from paragraph ends."""
    return list(iter_sentences(text))


def chunks(
    text: str, limit: int, size: Callable[[str], int] = len, first: int | None = None
) -> Iterator[Chunk]:
    """Pieces of at most `limit` (in what `size` counts), in order, made while they are asked for.

    Short sentences of one paragraph share a piece; a longer sentence is cut after a clause, else
    at a space, else anywhere between two characters. Only whitespace lies between the pieces.
    `first` bounds the first piece alone, so that its audio comes early. `size` is a sum over
    characters, each at least 1 (characters, UTF-8 bytes); a character larger than the limit
    stands alone. Raises UsageError when a bound is below 1.
    """
    smallest = limit if first is None else min(first, limit)
    if smallest < 1:
        raise UsageError(f"A chunk cannot have {smallest} characters.", "Give at least 1.")
    return _chunks(text, limit, size, smallest)


def _chunks(text: str, limit: int, size: Callable[[str], int], room: int) -> Iterator[Chunk]:
    """`room` is the limit of the first piece."""
    held: Chunk | None = None  # begins a piece; `stop`, `pause` and `used` say how far it got
    stop, pause, used = 0, 0.0, 0
    for sentence in iter_sentences(text):
        if held and pause < PARAGRAPH_PAUSE_S:
            more = size(text[stop : sentence.end])
            if used + more <= room:
                stop, pause, used = sentence.end, sentence.pause_s, used + more
                continue
        if held:
            yield _piece(text, held.start, stop, pause)
            held, room = None, limit
        used = size(sentence.text)
        if room < used and room < limit:
            head, start = _cut_off(text, sentence.start, sentence.end, room, size)
            yield head
            sentence = _piece(text, start, sentence.end, sentence.pause_s)
            used, room = size(sentence.text), limit
        if used <= room:
            held, stop, pause = sentence, sentence.end, sentence.pause_s
        else:
            yield from _cut(text, sentence, limit, size)
    if held:
        yield _piece(text, held.start, stop, pause)


def iter_sentences(text: str) -> Iterator[Chunk]:
    """Like `sentences`, one at a time."""
    start = _skip_space(text, 0)
    for match in BOUNDARY.finditer(text):
        if match.end() <= start:
            continue
        following = _skip_space(text, match.end())
        new_paragraph = match["paragraph"] is not None
        if not new_paragraph and match["stop"] and not _ends_sentence(text, match, following):
            continue
        gap = text[match.end() : following]
        new_paragraph = new_paragraph or gap.count("\n") > 1 or "\u2029" in gap
        pause = PARAGRAPH_PAUSE_S if new_paragraph else SENTENCE_PAUSE_S
        end = _trim(text, start, match.end())
        if end > start:
            yield _piece(text, start, end, pause)
        start = following
    end = _trim(text, start, len(text))
    if end > start:
        yield _piece(text, start, end, SENTENCE_PAUSE_S)


def word_spans(text: str) -> list[tuple[int, int]]:
    """Where each word stands, without the punctuation around it.

    A word is what lies between spaces or the marks of scripts that write none.
    """
    spans = []
    for match in WRITTEN.finditer(text):
        start, end = match.span()
        while start < end and unicodedata.category(text[start])[0] == "P":
            start += 1
        while end > start and unicodedata.category(text[end - 1])[0] == "P":
            end -= 1
        if end > start:
            spans.append((start, end))
    return spans


def _piece(text: str, start: int, end: int, pause_s: float) -> Chunk:
    return Chunk(text[start:end], start, end, pause_s)


def _ends_sentence(text: str, match: re.Match[str], following: int) -> bool:
    """Whether the full stop, exclamation or question mark at `match` closes a sentence."""
    if following == len(text) or text.count("\n", match.end(), following) > 1:
        return True
    opener = following
    while opener < min(len(text) - 1, following + 4) and text[opener] in OPENERS:
        opener += 1
    if text[opener].islower():
        return False
    if match["stop"][0] != "." or match["stop"].startswith("..") or match["note"]:
        return True
    return _ends_after_stop(text, match.start(), opener)


def _ends_after_stop(text: str, stop: int, following: int) -> bool:
    """The same for one full stop: abbreviations, initials, ordinals and list numbers go on."""
    found = LAST_TOKEN.search(text[max(0, stop - 24) : stop])
    token = found[0] if found else ""
    low = token.lower()
    next_word = WORD.match(text, following)
    opens = bool(next_word) and next_word[0] in STARTERS  # type: ignore[index]
    if low in TITLES or (low == "v" and token.islower()):  # Roe v. Wade; Act V. may end
        return False
    if low in BEFORE_NUMBERS and text[following].isdigit():
        return False
    if low in MAY_END:
        return opens or (low == "etc" and next_word is not None)
    if (len(token) == 1 and token.isupper() and low != "i") or _is_dotted_letters(token):
        return opens
    if token.isdigit() and len(token) < 3:
        at_line_start = stop == len(token) or text[stop - len(token) - 1] == "\n"
        return not at_line_start and not MONTHS.match(text, following)
    return True


def _is_dotted_letters(token: str) -> bool:
    """U.S, p.m, Ph.D: short groups of letters with stops between."""
    parts = token.split(".")
    return len(parts) > 1 and all(part.isalpha() and len(part) < 3 for part in parts)


def _cut(text: str, sentence: Chunk, limit: int, size: Callable[[str], int]) -> Iterator[Chunk]:
    """Pieces of one sentence that is too long."""
    start, end = sentence.start, sentence.end
    rest = size(sentence.text)
    while rest > limit:
        # Near the end the rest is shared out, so that no single word is left over.
        room = limit if rest >= 2 * limit else max(rest - limit, min(limit, rest * 2 // 3))
        piece, following = _cut_off(text, start, end, room, size)
        yield piece
        rest -= size(text[start:following])
        start = following
    if end > start:
        yield _piece(text, start, end, sentence.pause_s)


def _cut_off(
    text: str, start: int, end: int, room: int, size: Callable[[str], int]
) -> tuple[Chunk, int]:
    """The best beginning of `text[start:end]` that fits the room, and where the rest begins."""
    stop, pause = _best_cut(text, start, _fitting(text, start, end, room, size))
    piece = _piece(text, start, _trim(text, start, stop), pause)
    return piece, _skip_space(text, stop, end)


def _fitting(text: str, start: int, end: int, room: int, size: Callable[[str], int]) -> int:
    """The farthest place up to which `text[start:]` fits the room, at least one character on."""
    farthest = min(end, start + room)
    if size(text[start:farthest]) <= room:
        return farthest
    candidates = range(start + 1, farthest + 1)
    fits = bisect_right(candidates, room, key=lambda stop: size(text[start:stop]))
    return start + max(1, fits)


def _best_cut(text: str, start: int, limit: int) -> tuple[int, float]:
    """Where to cut `text[start:limit]`, and the pause there."""
    earliest = start + (limit - start) // 3
    clauses = [m.end() for m in CLAUSE.finditer(text, start, min(limit + 1, len(text)))]
    usable = [c for c in clauses if earliest < c <= limit]
    if usable:
        return usable[-1], CLAUSE_PAUSE_S
    if limit < len(text) and text[limit].isspace():
        return limit, 0.0
    spaces = [m.start() for m in SPACE.finditer(text, start + 1, limit)]
    if spaces:
        return spaces[-1], 0.0
    hard = limit
    while hard > start + 1 and hard < len(text) and _joined(text[hard - 1], text[hard]):
        hard -= 1
    return (hard if hard > start + 1 else limit), 0.0


def _joined(before: str, after: str) -> bool:
    """Whether a cut between the two would tear one written character apart."""
    return (
        unicodedata.combining(after) > 0
        or "\u200d" in (before, after)
        or (unicodedata.category(after) in {"Mn", "Mc"} or "\ufe00" <= after <= "\ufe0f")
    )


def _skip_space(text: str, position: int, end: int | None = None) -> int:
    match = SPACE.match(text, position, len(text) if end is None else end)
    return match.end() if match else position


def _trim(text: str, start: int, end: int) -> int:
    while end > start and text[end - 1].isspace():
        end -= 1
    return end
