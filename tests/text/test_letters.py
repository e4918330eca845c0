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
    assert letters.pronounce("blicket") == ("B", "L", "IH1", "K", "IH0", "T")
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


def test_a_word_has_one_main_stress() -> None:
    """Slot by slot the network stresses these twice, or not at all."""
    for word in ("engineer", "coaxial", "coates", "backstage", "er"):
        assert sum(phone.endswith("1") for phone in letters.pronounce(word)) == 1
    assert letters.pronounce("engineer") == ("EH2", "N", "JH", "AH0", "N", "IH1", "R")


def test_phones_of_slots() -> None:
    symbols = ("-", "AA0", "AA1", "K", "OW1", "OW2")
    vowels = letters.Vowels.of(symbols)
    slots = np.full((5, 6), -9.0, np.float32)
    slots[[0, 1, 2, 3, 4], [2, 2, 0, 3, 4]] = 0.0  # AA1 AA1 - K OW1
    slots[4, 5] = -0.5
    slots[0, 1] = -3.0
    assert [symbols[n] for n in letters.decode(slots, vowels)] == ["AA1", "K", "OW2"]
    slots[4, 5] = 0.5
    slots[[0, 1], 1] = 0.1
    assert [symbols[n] for n in letters.decode(slots, vowels)] == ["AA1", "K", "OW2"]
    consonants = slots[3:4]
    assert [symbols[n] for n in letters.decode(consonants, vowels)] == ["K"]
