"""Text -> the pinyin tokens of F5-TTS: characters, and toned syllables where Chinese is written.

Follows jieba 0.42.1 and pypinyin, with which the checkpoints were trained; without Han characters
it needs neither.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from functools import cache

from vivavoce.errors import MissingExtra

# The training text had these replaced, because the vocabulary lacks them.
SAME = str.maketrans({";": ",", "“": '"', "”": '"', "‘": "'", "’": "'"})
NO_SPACE_AFTER = frozenset(" :'\"")
# What jieba segments: a run of these, a line break, or any other character alone.
PIECE = re.compile(r"[\u4e00-\u9fd5A-Za-z0-9+#&._%-]+|\r\n|.", re.DOTALL)
# The words of jieba's dictionary that are all ASCII, and its pattern for everything else.
ASCII_WORDS = re.compile(r"(AT&T|[cC]#|[cC]\+\+)")
ASCII_PARTS = re.compile(r"([a-zA-Z0-9]+(?:\.[0-9]+)?%?)")
# Characters of up to three bytes that pypinyin may read.
HAN = re.compile(r"[\u3007\u3400-\u4dbf\u4e00-\u9fff\ue815-\ue864\uf900-\ufaff]")


def aligned_pinyin(text: str) -> tuple[list[str], list[int]]:
    """Tokens as the F5 checkpoints read them, and where in `text` each was read: `ni3` for a Han
    character, else the character.

    A space, whose place is -1, is put before each Han character, and before a run of two or more
    ASCII characters that follows something else. Raises MissingExtra for Han characters without the
    extra `zh`.
    """
    tokens: list[str] = []
    places: list[int] = []
    place = 0
    for segment in _segments(text.translate(SAME)):
        readings = _readings(segment)
        if len(segment) > 1 and segment.isascii() and tokens and tokens[-1] not in NO_SPACE_AFTER:
            tokens.append(" ")
            places.append(-1)
        for character, reading in zip(segment, readings, strict=True):
            if "\u3100" <= character <= "\u9fff":
                tokens.append(" ")
                places.append(-1)
            tokens.append(reading)
            places.append(place)
            place += 1
    return tokens, places


def _segments(text: str) -> Iterator[str]:
    """What jieba's default mode cuts the text into."""
    for match in PIECE.finditer(text):
        piece = match[0]
        if len(piece) == 1 or piece == "\r\n":
            yield piece
        elif not piece.isascii():
            yield from _cut_words()(piece)
        else:
            for i, part in enumerate(ASCII_WORDS.split(piece)):
                if i % 2 or len(part) == 1:
                    yield part
                else:
                    yield from filter(None, ASCII_PARTS.split(part))


def _readings(segment: str) -> list[str]:
    """One token for each character; a word of Han characters only is read as a whole."""
    if not HAN.search(segment):
        return list(segment)
    read = _read_word()
    if all("\u0800" <= character <= "\uffff" for character in segment):
        readings = read(segment)
        if len(readings) == len(segment):
            return readings
    return [read(c)[0] if HAN.match(c) else c for c in segment]


@cache
def _cut_words() -> Callable[[str], Iterator[str]]:
    """A segmenter with jieba's own dictionary, whatever else the process does with jieba.

    jieba's own way to get ready logs to stderr and keeps a marshalled copy in the system's
    temporary folder, which anyone may have written; reading the dictionary takes a second more.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its string escapes and pkg_resources are outdated
            import jieba  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise _missing() from error
    segmenter = jieba.Tokenizer()
    segmenter.FREQ, segmenter.total = segmenter.gen_pfdict(segmenter.get_dict_file())
    segmenter.initialized = True
    return segmenter.cut


@cache
def _read_word() -> Callable[[str], list[str]]:
    try:
        from pypinyin import Style, lazy_pinyin  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise _missing() from error
    return lambda word: lazy_pinyin(word, style=Style.TONE3, tone_sandhi=True)


def _missing() -> MissingExtra:
    return MissingExtra(
        "The text has Chinese characters, which need jieba and pypinyin.",
        "Install them with: pip install 'vivavoce[zh]'",
    )
