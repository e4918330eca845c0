"""Phonemes through espeak-ng; skipped where the extra is not installed, but for its absence."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from vivavoce.errors import MissingExtra, TextError
from vivavoce.text import espeak
from vivavoce.text.espeak import phonemise


@pytest.fixture
def _library() -> None:
    pytest.importorskip("espeakng_loader")


@pytest.mark.usefixtures("_library")
def test_punctuation_stays_where_it_stood() -> None:
    assert phonemise("Hello, world! «Yes» — no…") == "həlˈoʊ, wˈɜːld! «jˈɛs» — nˈoʊ…"
    assert phonemise("...?") == "...?"
    assert phonemise("") == ""


@pytest.mark.usefixtures("_library")
def test_language_switches_are_removed() -> None:
    said = phonemise("Le football anglais", "fr-fr")
    assert "(" not in said
    assert "fˈʊtbɔːl" in said


@pytest.mark.usefixtures("_library")
def test_unknown_languages_are_refused() -> None:
    for language in ("xx-unknown", ""):
        with pytest.raises(TextError, match="does not know the language"):
            phonemise("a", language)
    assert phonemise("two", "en") == phonemise("two", "en-us") == "tˈuː"


@pytest.mark.usefixtures("_library")
def test_threads_do_not_mix_languages() -> None:
    jobs = [("one two three", "en-us"), ("eins zwei drei", "de"), ("uno dos tres", "es")] * 8
    alone = [phonemise(*job) for job in jobs[:3]]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda job: phonemise(*job), jobs)) == alone * 8


@pytest.mark.usefixtures("_library")
def test_long_and_odd_text() -> None:
    said = phonemise("word " * 300)
    assert said.count("wˈɜːd") == 300
    assert phonemise("a\0b (c) [d]\n\ne") != ""


@pytest.mark.usefixtures("_library")
def test_agreement_with_published_phonemes(data_folder: Callable[[str], Path]) -> None:
    """Other builds of espeak-ng differ in details; most sentences agree to the letter."""
    folder = data_folder("text") / "piper_test_sentences" / "etc" / "test_sentences"
    same = total = 0
    for language in ("cs", "es", "fr", "pl", "ro", "sr"):
        lines = (folder / f"test_{language}.jsonl").read_text(encoding="utf-8").splitlines()
        for case in map(json.loads, lines):
            wanted = unicodedata.normalize("NFD", "".join(case["phonemes"]))
            said = unicodedata.normalize("NFD", phonemise(case["text"], language))
            same += "".join(said.split()) == "".join(wanted.split())
            total += 1
    assert same >= 0.9 * total


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    espeak._library.cache_clear()
    try:
        with pytest.raises(MissingExtra, match=r"vivavoce\[phonemes\]"):
            phonemise("a")
    finally:
        espeak._library.cache_clear()


def test_a_library_that_is_initialised_again_gets_its_voice_again():
    before = espeak.phonemise("Mr. Fox said it.")
    espeak._library.cache_clear()
    assert espeak.phonemise("Mr. Fox said it.") == before
