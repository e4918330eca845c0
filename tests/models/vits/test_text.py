"""Text to symbols, against recorded front ends and by hand."""

import json
import logging
import sys

import pytest

from vivavoce.errors import ConfigError, MissingExtra, TextError
from vivavoce.models.vits.text import PiperText, TextConfig, TextRules, english, mms, piper
from vivavoce.text import espeak

# espeak-ng 1.52 says these otherwise than the build that Piper brings along: ɾ and r, ʲ between
# vowels. Sentences are numbered as they are recorded.
OTHER_BUILDS = {
    "The e-mail went to A.B. at 10 a.m.",
    "Größe und Übermaß; schön!",
    "Ich mag das Display sehr.",
    "Il y a 21 élèves dans l'école.",
    "Perché no? Gli gnocchi.",
    "Sono le 8:30.",
}
IDS = {"_": (0,), "^": (1,), "$": (2,), " ": (3,), ".": (4,), ",": (5,), "?": (6,)}


@pytest.fixture
def espeak_ng() -> None:
    pytest.importorskip("espeakng_loader")


@pytest.fixture
def recorded(parity_file):
    return lambda name: json.loads(parity_file(name).read_text(encoding="utf-8"))


@pytest.fixture
def no_espeak(monkeypatch):
    """The optional package is not installed."""
    espeak._library.cache_clear()
    english.say_substitute.cache_clear()
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    yield
    monkeypatch.undo()
    espeak._library.cache_clear()


def rules_of(table: dict) -> PiperText:
    return PiperText(ids={phoneme: tuple(ids) for phoneme, ids in table.items()})


def letters(**more) -> PiperText:
    """A voice that reads letters."""
    ids = IDS | {letter: (10 + n,) for n, letter in enumerate("abcdefghijklmnopqrstuvwxyz")}
    return PiperText(phoneme_type="text", ids=ids, **more)


@pytest.mark.usefixtures("espeak_ng")
def test_piper_sentences_as_recorded(recorded):
    golden = recorded("piper_text_frontend")
    rules = rules_of(golden["default_phoneme_id_map"])
    differing = set()
    for case in golden["cases"]:
        sentences = piper.read(rules, case["voice"], case["text"]).sentences
        found = [said.text for said in sentences]
        ids = [list(piper.look_up(rules, said.pieces).ids) for said in sentences]
        if (found, ids) != (case["phonemes"], case["ids"]):
            differing.add(case["text"])
            assert len("".join(found)) == pytest.approx(len("".join(case["phonemes"])), abs=2)
    assert differing <= OTHER_BUILDS


@pytest.mark.usefixtures("espeak_ng")
def test_phonemes_in_brackets_as_recorded(recorded):
    golden = recorded("piper_text_frontend")
    rules = rules_of(golden["default_phoneme_id_map"])
    for case in golden["raw_blocks"]:
        found = [said.text for said in piper.read(rules, "en-us", case["text"]).sentences]
        assert found == case["phonemes"]


@pytest.mark.usefixtures("espeak_ng")
def test_words_know_where_they_stand(recorded):
    rules = rules_of(recorded("piper_text_frontend")["default_phoneme_id_map"])
    text = "It's 3:45 of the day, Dr. Smith."
    tokens = piper.encode(rules, "en-us", text)
    assert tokens.words == ("It's", "3:45", "of", "the", "day", "Dr", "Smith")
    assert [text[a:].startswith(w) for a, w in zip(tokens.word_starts, tokens.words, strict=True)]
    symbols = {ids[0]: phoneme for phoneme, ids in rules.ids.items()}
    said = "".join(symbols[i] for i in tokens.ids)
    assert said.count(".") == 1  # an abbreviation ends no sentence
    assert said.startswith("^_")
    assert said.endswith("._$")


@pytest.mark.usefixtures("espeak_ng")
@pytest.mark.parametrize(("text", "mark"), [("Wait… what?", ","), ("Wait...", "."), ("Wait", ".")])
def test_ellipses_and_missing_stops(text, mark, recorded):
    rules = rules_of(recorded("piper_text_frontend")["default_phoneme_id_map"])
    assert rules.ids[mark][0] in piper.encode(rules, "en-us", text).ids


def test_voices_that_read_letters():
    tokens = piper.encode(letters(), "xx", "ab c")
    assert tokens.ids == (1, 0, 10, 0, 11, 0, 3, 0, 12, 0, 4, 0, 2)
    assert tokens.word_index == (-1, -1, 0, 0, 0, 0, -1, -1, 1, 1, -1, -1, -1)
    assert (tokens.words, tokens.word_starts) == (("ab", "c"), (0, 3))


def test_replacements_clusters_and_ligatures():
    rules = letters(replacements={"q": ("a", "b")}, clusters=("abc",))
    rules.ids["abc"] = (99, 98)
    assert piper.look_up(rules, [("qcʤ", 0)]).ids == (1, 0, 99, 98, 0, 13, 0, 2)
    assert piper.look_up(rules, [("ʤ", 0)]).unknown == ("ʒ",)


def test_what_the_map_lacks_is_named():
    assert piper.encode(letters(), "xx", "a9").unknown == ("9",)
    with pytest.raises(TextError, match="Nothing of"):
        piper.encode(letters(), "xx", "12")


def test_a_map_without_an_end_is_refused():
    with pytest.raises(ConfigError, match=r"lacks \^, \$"):
        PiperText(ids={"_": (0,)})


@pytest.mark.usefixtures("no_espeak")
def test_english_without_espeak(recorded, caplog):
    rules = rules_of(recorded("piper_text_frontend")["default_phoneme_id_map"])
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            tokens = piper.encode(rules, "en-us", "Hello, big world!")
    symbols = {ids[0]: phoneme for phoneme, ids in rules.ids.items()}
    said = "".join(symbols[i] for i in tokens.ids if i)
    assert said == "^həlˈoʊ, bˈɪɡ wˈɜːld!$"
    assert (tokens.words, tokens.word_starts) == (("Hello", "big", "world"), (0, 7, 11))
    assert len(caplog.records) == 1
    assert "vivavoce[phonemes]" in caplog.text


@pytest.mark.usefixtures("no_espeak")
def test_other_languages_name_the_extra(recorded):
    rules = rules_of(recorded("piper_text_frontend")["default_phoneme_id_map"])
    with pytest.raises(MissingExtra, match=r"vivavoce\[phonemes\]"):
        piper.encode(rules, "de", "Guten Tag.")


def mms_config(golden, case) -> TextConfig:
    options = case["options"]
    symbols = [s for s in golden["vocabularies"]["latin"] if s != "<unk>"]
    if case["case"] in golden["vocabularies"]:
        symbols = [s for s in golden["vocabularies"][case["case"]] if s != "<unk>"]
    return TextConfig(
        kind="mms",
        language=options["language"],
        symbols=tuple(symbols),
        romanise=options.get("is_uroman", False),
    )


def test_mms_as_recorded(recorded):
    golden = recorded("mms_text_frontend")
    for case in golden["cases"]:
        config = mms_config(golden, case)
        if config.romanise:
            continue
        said = mms.kept(config, mms.prepared(config, case["text"]))
        assert said == case["prepared"]
        found = TextRules(config)._looked_up(said, case["text"])
        assert list(found.ids) == case["ids"]


@pytest.mark.slow
def test_mms_romanised(recorded):
    pytest.importorskip("uroman")
    golden = recorded("mms_text_frontend")
    for case in golden["cases"]:
        config = mms_config(golden, case)
        if config.romanise:
            said = mms.kept(config, mms.prepared(config, case["text"]))
            assert said == case["prepared"]


def test_mms_says_numbers_and_what_it_leaves_out():
    english_letters = TextConfig(
        kind="mms", language="eng", symbols=tuple(" abcdefghijklmnopqrstuvwxyz'")
    )
    tokens = TextRules(english_letters).encode("The 3 Ж.")
    assert tokens.words == ("the", "three")
    assert tokens.unknown == ("ж",)
    assert tokens.ids[0] == 0  # the blank, whatever symbol that is
    with pytest.raises(TextError, match="knows none"):
        TextRules(english_letters).encode("Ж")


def test_mms_in_the_publications_order():
    """Capitals that the romaniser makes are put into lower case, not left out."""
    config = TextConfig(kind="mms", language="ell", symbols=tuple(" abk"), romanise=False)
    assert mms.kept(config, mms.prepared(config, "KAB")) == "kab"


@pytest.mark.usefixtures("espeak_ng")
def test_the_publications_alphabet(recorded):
    golden = recorded("vits_text_frontend")
    config = TextConfig(kind="original", symbols=tuple(golden["original_symbols"]))
    tokens = TextRules(config).encode("Mr. Fox said it.")
    assert tokens.words == ("mˈɪstɚ", "fˈɑːks", "sˈɛd", "ɪt")
    assert tokens.ids[::2] == (0,) * (len(tokens.ids) // 2 + 1)
    assert not tokens.unknown


@pytest.mark.usefixtures("espeak_ng")
def test_coqui_vits_as_recorded(recorded):
    golden = recorded("vits_text_frontend")
    differing = []
    for case in golden["coqui_vits_phonemes"]:
        vocabulary = {"vocab_dict": golden["coqui_vocabulary"], "blank": "<BLNK>"}
        table = {
            "model": "vits",
            "characters": vocabulary,
            "text_cleaner": case["cleaner"],
            "phoneme_language": case["language"],
            "use_phonemes": True,
            "add_blank": True,
        }
        tokens = TextRules(TextConfig(kind="coqui", coqui=table)).encode(case["text"])
        if list(tokens.ids) != case["ids"]:
            differing.append(case["text"])
    # Coqui leaves the stop of "Dr." there, and with it a pause.
    assert differing == ["Dr. Smith has 3 cats; isn't it?"]


def test_one_utterance_a_sentence():
    rules = TextRules(TextConfig(kind="piper", piper=letters(silence={",": 0.5})))
    text = "Ay, bee. See [[ d. e ]] f."
    found = list(rules.chunks(text))
    assert [c.text for c in found] == ["Ay,", "bee.", "See [[ d. e ]] f."]
    assert [text[c.start : c.end] for c in found] == [c.text for c in found]
    assert found[0].pause_s == 0.5


@pytest.mark.parametrize(
    ("silence", "text", "pieces", "pauses"),
    [
        ({",": 0.5}, "“Ay,” she said.", ["“Ay,”", "she said."], [0.5]),
        ({";": 0.4}, "Ay — bee; see.", ["Ay —", "bee;", "see."], [0.4, 0.4]),
        ({",": 0.5}, "1,000 men.", ["1,000 men."], []),
        ({" ": 0.1, ",": 0.5}, "Ay bee, see.", ["Ay", "bee,", "see."], [0.1, 0.5]),
        ({",": 0.0}, "Ay, bee.", ["Ay, bee."], []),
        ({"a": 0.5}, "Ay, bee.", ["Ay, bee."], []),
    ],
)
def test_silence_after_phonemes(silence, text, pieces, pauses):
    """Marks as the text spells them, spaces; not inside numbers. Other phonemes are not cut at."""
    found = list(TextRules(TextConfig(kind="piper", piper=letters(silence=silence))).chunks(text))
    assert [c.text for c in found] == pieces
    assert [c.pause_s for c in found][:-1] == pauses
    assert [text[c.start : c.end] for c in found] == pieces


def test_silence_at_a_sentences_end_is_added_to_its_own():
    def pauses(**silence: dict) -> list[float]:
        rules = TextRules(TextConfig(kind="piper", piper=letters(**silence)))
        return [c.pause_s for c in rules.chunks("Ay. Bee? See.")]

    usual, longer = pauses(), pauses(silence={".": 0.25})
    assert longer == [usual[0] + 0.25, usual[1], usual[2] + 0.25]


def test_long_sentences_are_cut():
    rules = TextRules(TextConfig())
    text = "word, " * 300 + "end."
    found = list(rules.chunks(text))
    assert max(len(c.text) for c in found) <= 400
    assert "".join(c.text for c in found).count("word") == 300


@pytest.mark.parametrize(
    "text", ["[[ab " * 20_000, "]] [[" * 20_000, "a, " * 30_000, "x" * 100_000]
)
def test_long_texts_of_any_kind_are_cut_at_once(text):
    """Unclosed brackets are ordinary text, however many there are."""
    found = list(TextRules(TextConfig(kind="piper", piper=letters())).chunks(text))
    assert all(text[c.start : c.end] == c.text for c in found)
    assert sum(len(c.text.replace(" ", "")) for c in found) == len(text.replace(" ", ""))
