"""Coqui's vocabularies and encoding, against recorded ids."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from vivavoce.errors import ConfigError, TextError
from vivavoce.text.coqui import VITS_CHARACTERS, CoquiText, from_config, vocabulary


@pytest.mark.parity
def test_recorded_ids(parity_file: Callable[[str], Path]) -> None:
    """The XTTS cases of the recording (BPE, its preprocessing) are not ours to check."""
    recorded = json.loads(parity_file("coqui_text_frontend").read_text(encoding="utf-8"))
    assert recorded["tts_tokenizers"]
    for tokenizer in recorded["tts_tokenizers"]:
        known = vocabulary({})
        assert list(known.symbols) == tokenizer["vocab"]
        text = CoquiText(known, "english_cleaners", add_blank=tokenizer["add_blank"])
        for case in tokenizer["cases"]:
            tokens = text.encode(case["text"])
            assert list(tokens.ids) == case["ids"]
            assert len(tokens.word_index) == len(tokens.ids)


def block(**changes: object) -> dict[str, object]:
    characters = {"pad": "_", "eos": "~", "bos": "^", "blank": "#", "characters": "cab",
                  "punctuations": "! ", "phonemes": "əz"}  # fmt: skip
    return {"characters": characters | changes}


def test_order_of_a_sorted_vocabulary() -> None:
    assert "".join(vocabulary(block()).symbols) == "_~^#abc! "
    assert "".join(vocabulary(block(is_sorted=False)).symbols) == "_~^#cab! "
    assert "".join(vocabulary(block(characters="abca")).symbols) == "_~^#abc! "
    assert "".join(vocabulary(block(characters="aba", is_unique=False)).symbols) == "_~^#aab! "
    assert "".join(vocabulary(block(eos=None, blank="")).symbols) == "_^abc! "


def test_phoneme_models_take_the_phonemes_of_old_configs() -> None:
    found = vocabulary({"use_phonemes": True, **block()})
    assert "".join(found.symbols) == "_~^#zə! "
    assert (found.pad, found.eos, found.bos, found.blank) == (0, 1, 2, 3)


def test_order_of_a_vits_vocabulary() -> None:
    kind = "TTS.tts.models.vits.VitsCharacters"
    found = vocabulary(block(characters_class=kind, characters="ca!"))
    assert found.symbols == ("_", "!", " ", "c", "a", "!", "ə", "z", "<BLNK>")
    assert (found.pad, found.blank, found.bos) == (0, 8, None)
    ids = CoquiText(found).encode("ca!").ids
    assert ids == (3, 4, 5), "a symbol listed twice has its last index"


def test_a_vocabulary_given_outright() -> None:
    found = vocabulary({"characters": {"vocab_dict": ["k", "a", " "], "pad": "k", "blank": "k"}})
    assert (found.symbols, found.pad, found.blank) == (("k", "a", " "), 0, 0)


def test_defaults() -> None:
    assert len(vocabulary({})) == 67
    assert vocabulary({"use_phonemes": True}).symbols[:4] == ("<PAD>", "<EOS>", "<BOS>", "<BLNK>")
    assert vocabulary({"characters": VITS_CHARACTERS}).symbols[-1] == "<BLNK>"


def test_malformed_blocks_are_refused() -> None:
    with pytest.raises(ConfigError, match="MyCharacters"):
        vocabulary(block(characters_class="my.MyCharacters"))
    with pytest.raises(ConfigError, match="not a table"):
        vocabulary({"characters": "abc"})
    with pytest.raises(ConfigError, match="no blank symbol"):
        from_config({"add_blank": True, **block(blank=None)}).encode("a b")


def test_blanks_ends_and_words() -> None:
    config = {"add_blank": True, "enable_eos_bos_chars": True, **block()}
    tokens = from_config(config).encode("ab, c!")
    assert tokens.ids == (2, 3, 4, 3, 5, 3, 8, 3, 6, 3, 7, 3, 1)
    assert tokens.words == ("ab", "c")
    assert tokens.word_index == (-1, -1, 0, -1, 0, -1, -1, -1, 1, -1, -1, -1, -1)
    assert tokens.unknown == (",",)


def test_words_know_where_they_were_written() -> None:
    text = CoquiText(vocabulary({}), "english_cleaners", "en")
    tokens = text.encode("Dr. Who has 21 cats & dogs")
    assert tokens.words == ("doctor", "who", "has", "twenty", "one", "cats", "and", "dogs")
    assert tokens.word_starts == (0, 4, 8, 12, 12, 15, 20, 22)


def test_arguments_of_the_model_decide_about_blanks() -> None:
    found = from_config({"add_blank": False, "model_args": {"add_blank": True}, **block()})
    assert found.add_blank


def test_unknown_characters_are_reported() -> None:
    tokens = CoquiText(vocabulary({})).encode("Aй1")
    assert tokens.unknown == ("й", "1")
    with pytest.raises(TextError, match="CYRILLIC"):
        CoquiText(vocabulary({})).encode("йй")


def test_phonemes_come_from_outside() -> None:
    text = from_config({"use_phonemes": True, "phoneme_language": "en-us",
                        "text_cleaner": "phoneme_cleaners"})  # fmt: skip
    with pytest.raises(TextError, match="phonemes"):
        text.encode("ab")
    asked = []
    tokens = text.encode("ab 2", phonemise=lambda t, lang: asked.append((t, lang)) or "æb")
    assert asked == [("ab two", "en-us")]
    assert tokens.words == ("æb",)


def test_marks_that_are_words_only_when_said_start_in_the_source() -> None:
    text = from_config({"characters": VITS_CHARACTERS, "use_phonemes": True})
    tokens = text.encode("% %", phonemise=lambda said, language: "pɚsɛnt pɚsɛnt")
    assert tokens.word_starts == (0, 2)
