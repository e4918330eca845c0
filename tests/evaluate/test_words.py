"""Word errors against jiwer 4.0.0 and the published scripts, whose results are recorded."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from vivavoce.errors import UsageError
from vivavoce.text import normalisers
from vivavoce.text.distance import Counts, alignment, compare

DATA = Path(__file__).parents[1] / "data"


def test_a_thousand_pairs_as_jiwer_counts_them():
    """Letters stand for words. Recorded: errors, word error rate, character error rate."""
    with (DATA / "word_errors.tsv").open(encoding="utf-8") as stream:
        rows = list(csv.reader(stream, delimiter="\t"))
    assert len(rows) == 1000
    for reference, heard, errors, wer, cer in rows:
        found = compare(reference, heard)
        assert found.errors == int(errors), (reference, heard)
        assert found.rate == pytest.approx(float(wer), abs=1e-12)
        assert found.deletions - found.insertions == len(reference) - len(heard)
        characters = compare(" ".join(reference), " ".join(heard))
        assert characters.rate == pytest.approx(float(cer), abs=1e-12)


@pytest.mark.parametrize("protocol", ["seed-tts", "f5-tts"])
def test_the_published_protocols(protocol):
    words = normalisers.find(protocol)
    for pair in json.loads((DATA / "protocols.json").read_text(encoding="utf-8")):
        language = pair["language"]
        found = compare(words(pair["reference"], language), words(pair["heard"], language))
        assert found.rate == pytest.approx(pair[protocol], abs=1e-12), pair


@pytest.mark.parametrize(
    ("reference", "heard", "language"),
    [
        ("I don't know.", "i don’t KNOW", "en"),
        ("It cost $50 in 1999.", "It cost fifty dollars in nineteen ninety nine", "en"),
        ("Ünïcode ﬁne", "ünïcode fine", "de"),
        ("今天天气。", "今天，天气", "zh"),
    ],
)
def test_our_normaliser_compares_what_is_said(reference, heard, language):
    assert normalisers.ours(reference, language) == normalisers.ours(heard, language)


def test_an_unknown_normaliser():
    with pytest.raises(UsageError, match="'f6'"):
        normalisers.find("f6")


def test_alignment_says_what_happened():
    assert alignment(["a", "b", "c", "d"], ["a", "x", "c", "d", "e"]) == [
        ("same", "a", "a"),
        ("sub", "b", "x"),
        ("same", "c", "c"),
        ("same", "d", "d"),
        ("ins", "", "e"),
    ]
    assert alignment(["a"], []) == [("del", "a", "")]
    assert compare([], ["a", "b"]).rate == 2.0
    assert Counts(1, 0, 0, 2) + Counts(0, 1, 0, 2) == Counts(1, 1, 0, 4)
