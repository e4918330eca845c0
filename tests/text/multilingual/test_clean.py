from __future__ import annotations

import pytest

from vivavoce.text.multilingual.clean import cleaned, prepared

needs_words = pytest.mark.usefixtures("number_words")


@pytest.fixture
def number_words() -> None:
    pytest.importorskip("num2words")


@needs_words
@pytest.mark.parametrize(
    ("language", "text", "said"),
    [
        ("de", "Er ist 8.", "er ist acht."),
        ("de", "Er ist 8. Dann kam sie.", "er ist acht. dann kam sie."),
        (
            "de",
            "Am 8. Mai 1945. Berlin",
            "am achte mai eintausendneunhundertfünfundvierzig. berlin",
        ),
        ("de", "am 8. mai", "am achte mai"),
        ("cs", "Je mu 8. Potom 1. května.", "je mu osm. potom první května."),
        ("tr", "O 8. Bu 1. test. 12.30", "o sekizinci bu birinci test. oniki.otuz"),
        ("hu", "A száma 8. Ez az 1. teszt 8.", "a száma nyolc. ez az első teszt nyolc."),
        ("de", "„Es sind 8.“", "„es sind acht.“"),
    ],
)
def test_a_number_that_ends_a_sentence_is_no_ordinal(language: str, text: str, said: str) -> None:
    assert cleaned(text, language) == said


@needs_words
@pytest.mark.parametrize(
    ("language", "text", "said"),
    [
        ("de", "3.141 und 1.234.567", "dreitausendeinhunderteinundvierzig und eine Million"
         " zweihundertvierunddreißigtausendfünfhundertsiebenundsechzig"),
        ("de", "3x141", "dreixeinhunderteinundvierzig"),
        ("fr", "1\u202f234 euros", "mille deux cent trente-quatre euros"),
        ("ko", "1,234명", "천이백삼십사명"),
        ("hi", "12,34,567", "बारह लाख चौंतीस हज़ार पाँच सौ सड़सठ"),
        ("en", "1,234 and 1,2", "one thousand, two hundred and thirty-four and one point two"),
    ],
)  # fmt: skip
def test_thousands(language: str, text: str, said: str) -> None:
    assert cleaned(text, language) == said


@needs_words
def test_digits_of_every_script() -> None:
    assert cleaned("٣٤ و ١٢٫٥", "ar") == "أربعة و ثلاثون و اثنا عشر فاصلة خمسة"
    assert cleaned("१२.५ और ३", "hi") == "बारह दशमलव पाँच और तीन"
    assert cleaned("１２", "en") == "twelve"


@pytest.mark.parametrize(
    ("language", "text", "said"),
    [
        ("en", "Mrs. and Mr. Co at Co.", "misess and mister co at company"),
        ("nl", "Dhr. Bos", "de heer bos"),
        ("ru", "Г-н Иванов", "господин иванов"),
        ("tr", "İZMİR, Dr. Özgür", "izmir, doktor özgür"),
        ("en", 'say "a&b"\n\n at 100%', "say a and b at one hundred percent"),
        ("hi", "सेब & आम", "सेब और आम"),
        ("es", "un €", "un euro"),
    ],
)
def test_abbreviations_and_symbols(language: str, text: str, said: str) -> None:
    assert cleaned(text, language) == said


def test_letters_are_composed_where_that_changes_nothing_learned() -> None:
    assert prepared("e\u0301", "fr") == "é"
    assert prepared("\u0958", "hi") == "\u0958"
    assert prepared("a\ue000b", "en") == "ab"
