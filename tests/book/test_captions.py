"""Sentences of an audiobook with their times."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from vivavoce.book.captions import LONGEST_CUE, Cue, require, sentences, written
from vivavoce.errors import UnknownFormat

CUES = [Cue(1, "The Mill", 0.75, 1.5), Cue(1, "It turns --> & stops.", 61.004, 3725.5)]


def test_files():
    assert written(CUES, "srt") == (
        "1\n00:00:00,750 --> 00:00:01,500\nThe Mill\n\n"
        "2\n00:01:01,004 --> 01:02:05,500\nIt turns → & stops.\n"
    )
    assert written(CUES, "vtt").startswith("WEBVTT\n\n1\n00:00:00.750 --> 00:00:01.500\n")
    assert "It turns --&gt; &amp; stops." in written(CUES, "vtt")
    assert written(CUES, "lrc") == "[00:00.75]The Mill\n[01:01.00]It turns → & stops.\n"
    assert json.loads(written(CUES, "json"))[0] == {
        "chapter": 1,
        "start": 0.75,
        "end": 1.5,
        "text": "The Mill",
        "estimated": False,
    }


def test_times_count_from_the_beginning_of_their_file():
    assert written([Cue(2, "On.", 100.0, 101.0)], "lrc", 99.25) == "[00:00.75]On.\n"


def test_long_passages_are_parted():
    text = "A sentence of some words. " * 30
    found = list(sentences(Cue(1, text.strip(), 10.0, 70.0)))
    assert all(len(cue.text) <= LONGEST_CUE for cue in found)
    assert " ".join(cue.text for cue in found) == text.strip()
    assert (found[0].start_s, found[-1].end_s) == (10.0, 70.0)
    assert all(a.end_s == b.start_s for a, b in pairwise(found))
    assert all(cue.estimated for cue in found)


def test_kinds():
    require(["srt", "vtt", "json"], True)
    require(["lrc"], False)
    with pytest.raises(UnknownFormat, match="file per chapter"):
        require(["lrc"], True)
    with pytest.raises(UnknownFormat, match="'sbv'"):
        require(["sbv"], False)
