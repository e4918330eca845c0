"""What models that read letters are given: words for numbers and marks, no shouting."""

from __future__ import annotations

import pytest

from vivavoce.text.written import known_language, written_out


@pytest.mark.parametrize(
    ("language", "written", "said"),
    [
        ("de", "Es kostet 12,50 € für 25 Leute.",
         "Es kostet zwölf Euro und fünfzig Cent für fünfundzwanzig Leute."),
        ("de-AT", "100 % am Ende: 8.", "einhundert prozent am Ende: acht."),
        ("es", "Tengo 25 años.", "Tengo veinticinco años."),
        ("fr", "Le 1er mai, 21 personnes", "Le premier mai, vingt et un personnes"),
        ("it", "Il 3º posto, 100 km", "Il terzo posto, cento km"),
        ("pt", "Custa $23 e 10%", "Custa vinte e três dólares e dez por cento"),
        ("pl", "Mam 25 lat", "Mam dwadzieścia pięć lat"),
        ("ru", "У меня 25 рублей", "У меня двадцать пять рублей"),
        ("tr", "25 elma", "yirmibeş elma"),
        ("ko", "사과 25개", "사과 이십오개"),
        ("hi", "मेरे पास २५ सेब", "मेरे पास पच्चीस सेब"),
        ("ar", "عندي ٢٥ كتابا", "عندي خمسة و عشرون كتابا"),
        ("zh", "我有25个苹果，$20，100%。", "我有二十五个苹果，二十美元，百分之一百。"),
        ("ja", "私は25歳です。3.5%", "私は二十五歳です。三点五パーセント"),
        ("sv", "Jag har 25 bilar", "Jag har 25 bilar"),
        ("en", "I paid $5 for 3.", "I paid five dollars for three."),
    ],
)  # fmt: skip
def test_digits_are_words(language: str, written: str, said: str) -> None:
    spoken = written_out(written, language)
    assert spoken.text == said
    assert len(spoken.origin) == len(spoken.text)
    assert list(spoken.origin) == sorted(spoken.origin)
    assert all(0 <= place < len(written) for place in spoken.origin)


@pytest.mark.parametrize(
    ("language", "written", "said"),
    [
        ("en", "THIS IS IMPORTANT. STOP!", "This is important. Stop!"),
        ("en", "He said STOP to NASA and the FBI, OK?", "He said stop to NASA and the F B I, OK?"),
        ("en", "I AM A MAN", "I am a man"),
        ("en", "McDonald's and iPhone", "McDonald's and iPhone"),
        ("de", "ACHTUNG, DAS IST WICHTIG!", "Achtung, das ist wichtig!"),
        ("de", "Die USA, BMW und der ADAC.", "Die USA, BMW und der ADAC."),
        ("ru", "ВНИМАНИЕ ВСЕМ", "Внимание всем"),
    ],
)
def test_shouted_words_are_words(language: str, written: str, said: str) -> None:
    assert written_out(written, language).text == said


def test_offsets_lead_back_to_the_number() -> None:
    source = "Es kostet 25 Euro"
    spoken = written_out(source, "de")
    assert source[spoken.origin[spoken.text.index("fünf")] :].startswith("25")
    assert source[spoken.origin[spoken.text.index("Euro")] :] == "Euro"


def test_languages_by_their_codes() -> None:
    names = ("de", "DE_at", "zh", "zh-TW", "pt-BR", "xx", "")
    assert [known_language(name) for name in names] == [
        "de", "de", "zh-cn", "zh-cn", "pt", None, None,
    ]  # fmt: skip
