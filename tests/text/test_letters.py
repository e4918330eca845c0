"""The letter-to-sound model answers with ARPAbet phones, and mostly with the right ones."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

from vivavoce.text import arpabet, letters


def test_every_answer_is_made_of_known_symbols() -> None:
    for word in ("a", "tz", "vivavoce", "zzyzx", "pneumonoultramicroscopicsilicovolcanoconiosis"):
        phones = letters.pronounce(word)
        assert phones
        assert set(phones) <= set(arpabet.SYMBOLS[11:])


def test_regular_words_are_read_as_their_spelling_says() -> None:
    assert letters.pronounce("nation") == ("N", "EY1", "SH", "AH0", "N")
    assert letters.pronounce("box") == ("B", "AA1", "K", "S")
    assert letters.pronounce("printing") == ("P", "R", "IH1", "N", "T", "IH0", "NG")


def test_invented_words_follow_the_rules_of_spelling() -> None:
    assert letters.pronounce("blicket") == ("B", "L", "IH1", "K", "AH0", "T")
    assert letters.pronounce("mish")[-1] == "SH"
    assert letters.pronounce("splaid")[:3] == ("S", "P", "L")


def test_normalisation_gives_zero_mean_and_unit_variance() -> None:
    hidden = np.random.default_rng(0).normal(3.0, 2.0, (4, 64)).astype(np.float32)
    one = np.ones(64, np.float32)
    normal = letters._normalise(hidden, one, 0 * one)
    np.testing.assert_allclose(normal.mean(1), 0, atol=1e-5)
    np.testing.assert_allclose(normal.std(1), 1, atol=1e-4)


def test_nothing_is_loaded_before_the_first_word() -> None:
    code = (
        "import sys; from vivavoce.text import arpabet, letters;"
        "assert 'torch' not in sys.modules;"
        "assert letters._model.cache_info().currsize == 0;"
        "assert arpabet._lexicon.cache_info().currsize == 0"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
