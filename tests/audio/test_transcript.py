"""Whether words can be what is said."""

from __future__ import annotations

import pytest

from vivavoce.audio.transcript import (
    check_transcript,
    file_name,
    implausible_pace,
    other_script,
    spoken_characters,
)

TWELVE = "one two three four five six seven eight nine ten eleven twelve"


def names(words, seconds, language="en"):
    return [(f.name, f.severity) for f in check_transcript(words, seconds, language)]


@pytest.mark.parametrize(
    ("words", "seconds", "language"),
    [
        (TWELVE, 4.5, "en"),
        ("No-sir-ee.", 1.36, "en"),  # drawn out, as a reader did it
        ("And there was a dog that barked.", 1.28, "en"),
        ("今天天气很好，我们一起去公园散步吧。", 3.5, "zh-cn"),
        ("今日はとても良い天気ですね。", 2.4, "ja"),
        ("오늘 날씨가 정말 좋네요.", 2.2, "ko"),
        ("Сегодня хорошая погода.", 1.9, "ru"),
        ("आज मौसम बहुत अच्छा है।", 2.0, "hi"),
        ("الطقس جميل جدا اليوم", 2.0, "ar"),
        ("Call 555 1234 now.", 3.5, "en"),
        ("It was 1984.", 2.0, "en"),
        ("Ein Wort", 1.0, "xx"),
    ],
)
def test_what_people_say_in_that_time(words, seconds, language):
    assert names(words, seconds, language) == []


@pytest.mark.parametrize(
    ("words", "seconds", "expected"),
    [
        ("one two", 4.5, ("few words", "error")),
        ("one two three four", 4.5, ("few words", "warning")),
        (TWELVE, 2.0, ("many words", "warning")),
        (TWELVE, 1.0, ("many words", "error")),
        ("今天", 4.5, ("few words", "error")),
        ("", 3.0, ("no transcript", "error")),
        ("… !", 3.0, ("no transcript", "error")),
    ],
)
def test_what_nobody_says_in_that_time(words, seconds, expected):
    language = "zh" if words == "今天" else "en"
    assert names(words, seconds, language) == [expected]


@pytest.mark.parametrize(
    ("words", "severity"),
    [
        ("ref.wav", "error"),
        ("My_Voice.MP3", "error"),
        ("clips/ref.txt", "error"),
        ("LJ001-0001", "warning"),
        ("common_voice_en_123", "warning"),
        ("C:\\me\\ref", "warning"),
    ],
)
def test_names_of_files(words, severity):
    assert [f.severity for f in file_name(words)] == [severity]
    assert names(words, 3.0)[0] == ("file name", severity)


@pytest.mark.parametrize(
    "words", ["Hello.", "well-known", "1984", "F5", "see ref.wav now", "2026年11月29日"]
)
def test_words_that_are_no_names_of_files(words):
    assert file_name(words) == ()


@pytest.mark.parametrize(
    ("words", "language", "share"),
    [
        ("今天天气很好", "en", 100),
        ("Guten Tag, meine Freunde", "ru", 100),
        ("Привет, my friends", "uk", 60),
        ("Nǐ hǎo", "zh", 100),
    ],
)
def test_another_script_than_the_language_has(words, language, share):
    (found,) = other_script(words, language)
    assert found.measure == pytest.approx(share, abs=2)
    assert f"'{language}'" in found.remedy


@pytest.mark.parametrize(
    ("words", "language"),
    [
        ("Das Wort Привет kam vor", "de"),
        ("これはJavaのテストです", "ja"),
        ("Dobar dan", "sr"),  # written in two scripts, so it is not listed
        ("1, 2, 3", "ru"),
        ("今天", ""),
    ],
)
def test_scripts_that_may_be(words, language):
    assert other_script(words, language) == ()


def test_characters_are_counted_as_an_alphabet_would_write_them():
    assert spoken_characters("  two   words ") == 9
    assert spoken_characters("é") == spoken_characters("e\u0301") == 1
    assert spoken_characters("七 8") == 3.5 + 1 + 4
    assert spoken_characters("—…!") == 0


@pytest.mark.parametrize(
    ("text", "seconds", "speed", "fine"),
    [
        ("These are six words, no more.", 10.2, 1.0, False),  # as a wrong transcript made them
        ("These are six words, no more.", 2.4, 1.0, True),
        ("These are six words, no more.", 5.0, 0.5, True),
        ("These are six words, no more.", 0.5, 1.0, False),
        ("These are six words, no more.", 0.9, 2.0, True),
        ("No.", 2.0, 1.0, True),
        ("…", 3.0, 1.0, True),
    ],
)
def test_the_pace_of_what_a_model_spoke(text, seconds, speed, fine):
    assert (implausible_pace(text, seconds, speed) is None) == fine
