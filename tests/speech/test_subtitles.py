"""Subtitles are valid, whatever the words hold, for parsers written after the standards."""

from __future__ import annotations

import html
import json
import random
import re
from itertools import pairwise

import pytest

from vivavoce.speech.subtitles import subtitles
from vivavoce.types import Word

TIME = r"(\d{2,}):([0-5]\d):([0-5]\d)%s(\d{3})"
Cue = tuple[float, float, str]


def parse_srt(text: str) -> list[Cue]:
    """Strict: numbered from 1, one line of times, one or more lines of text, one empty line."""
    cues: list[Cue] = []
    for number, block in enumerate(filter(None, text.removesuffix("\n").split("\n\n")), 1):
        index, times, *lines = block.split("\n")
        assert index == str(number)
        match = re.fullmatch(f"{TIME % ','} --> {TIME % ','}", times)
        assert match, times
        assert lines
        assert all(line.strip() and "-->" not in line for line in lines)
        cues.append((*_span(match), " ".join(lines)))
    return cues


def parse_vtt(text: str) -> list[Cue]:
    """Strict, after the syntax of WebVTT files (W3C): no `-->`, bare `&` or `<` in a cue's text."""
    header, blank, rest = text.partition("\n\n")
    assert (header, blank) == ("WEBVTT", "\n\n")
    cues: list[Cue] = []
    for block in filter(None, rest.removesuffix("\n").split("\n\n")):
        identifier, times, *lines = block.split("\n")
        assert "-->" not in identifier
        match = re.fullmatch(rf"{TIME % '[.]'} --> {TIME % '[.]'}", times)
        assert match, times
        assert lines
        for line in lines:
            assert line.strip()
            assert "-->" not in line
            assert "<" not in line
            assert not re.search(r"&(?!amp;|lt;|gt;|nbsp;|lrm;|rlm;)", line)
        cues.append((*_span(match), html.unescape(" ".join(lines))))
    for (first, _, _), (following, _, _) in pairwise(cues):
        assert first <= following
    return cues


def _span(match: re.Match[str]) -> tuple[float, float]:
    h, m, s, ms, h2, m2, s2, ms2 = map(int, match.groups())
    begin, end = 3600 * h + 60 * m + s + ms / 1000, 3600 * h2 + 60 * m2 + s2 + ms2 / 1000
    assert begin < end
    return begin, end


HOSTILE = ["a-->b", "-->", "00:00:01,000", "<b>", "</v>", "<v", "&", "&amp;", "&nbsp;", "WEBVTT",
           "NOTE", "STYLE", "1", "\u2028x\u2029", "x\ny", "\n\n", "a\r\n\r\nb", "x\x85y", "\x0b",
           "\x00", "\ud800", "", " ", "مرحبا", "👩‍👧", "e\u0301", "{\\an8}", "--", ">", "->",
           "x" * 300]  # fmt: skip


def timed(texts: list[str], step: float = 0.25) -> list[Word]:
    return [Word(text, i * step, (i + 0.8) * step) for i, text in enumerate(texts)]


@pytest.mark.parametrize("kind", ["srt", "vtt"])
def test_any_text_makes_valid_subtitles(kind: str) -> None:
    parse = parse_srt if kind == "srt" else parse_vtt
    draw = random.Random(4)
    for text in HOSTILE:
        assert len(parse(subtitles(timed([text]), kind))) == 1
    for _ in range(300):
        words = timed(draw.choices(HOSTILE, k=draw.randrange(1, 12)), draw.choice([0.0, 1e-5, 0.3]))
        written = subtitles(words, kind)
        written.encode("utf-8")
        assert parse(written)


def test_no_words_are_no_cues() -> None:
    assert parse_srt(subtitles([], "srt")) == []
    assert parse_vtt(subtitles([], "vtt")) == []


def test_vtt_shows_the_text_as_it_was() -> None:
    (cue,) = parse_vtt(subtitles(timed(["a<b>", "&amp;", "-->", "AT&T"]), "vtt"))
    assert cue[2] == "a<b> &amp; --> AT&T"


def test_srt_has_another_arrow() -> None:
    (cue,) = parse_srt(subtitles(timed(["a", "-->", "b"]), "srt"))
    assert cue[2] == "a → b"


def test_a_long_film_has_more_than_two_digits_of_hours() -> None:
    (cue,) = parse_srt(subtitles([Word("late", 360_000.0, 360_001.0)], "srt"))
    assert cue[0] == 360_000.0


def test_json_holds_anything() -> None:
    rows = json.loads(subtitles(timed(HOSTILE), "json"))
    assert [row["word"] for row in rows] == HOSTILE
