from __future__ import annotations

import json

import pytest

from tests.models.xtts.vocabulary import START_ID, vocabulary
from vivavoce.errors import BadCheckpoint, TextError
from vivavoce.models.xtts.text import MOST_TOKENS, Tokenizer, XttsTextConfig, chunks, language_code
from vivavoce.text.multilingual import LANGUAGES, LIMITS
from vivavoce.types import Chunk


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer(XttsTextConfig(vocabulary()))


def names(tokenizer: Tokenizer, ids: tuple[int, ...]) -> list[str]:
    return [tokenizer.pairs.bpe.id_to_token(i) for i in ids]


def test_ids_of_the_special_tokens(tokenizer: Tokenizer) -> None:
    assert (tokenizer.start, tokenizer.stop) == (START_ID, 0)
    assert tokenizer.languages == LANGUAGES
    assert tokenizer.n_tokens == len(json.loads(vocabulary())["model"]["vocab"])


def test_language_then_words_apart_by_space_tokens(tokenizer: Tokenizer) -> None:
    tokens = tokenizer.encode("  The Fox, 2 dogs. ", "en")
    spelled = names(tokenizer, tokens.ids)
    assert tokens.text == "the fox, two dogs."
    assert spelled[0] == "[en]"
    assert "".join(spelled[1:]).replace("[SPACE]", " ") == tokens.text
    assert tokens.words == ("the", "fox", "two", "dogs")
    assert tokens.word_starts == (2, 6, 11, 13)
    for name, index in zip(spelled, tokens.word_index, strict=True):
        assert (index >= 0) == name.isalnum()
        assert index < 0 or name in tokens.words[index]
    assert tokenizer.start not in tokens.ids
    assert tokenizer.stop not in tokens.ids
    assert tokenizer.length("  The Fox, 2 dogs. ", "en") == len(tokens)


@pytest.mark.parametrize(
    ("text", "language", "prefix"), [("ni hao", "zh", "[zh-cn]"), ("ça", "fr-CA", "[fr]")]
)
def test_regions_share_a_token(tokenizer: Tokenizer, text: str, language: str, prefix: str) -> None:
    assert names(tokenizer, tokenizer.encode(text, language).ids)[0] == prefix


def test_what_the_vocabulary_lacks_is_named(tokenizer: Tokenizer) -> None:
    tokens = tokenizer.encode("the Ω fox", "en")
    assert tokens.unknown == ("ω",)
    unread = [i for i, name in enumerate(names(tokenizer, tokens.ids)) if name == "[UNK]"]
    assert [tokens.word_index[i] for i in unread] == [-1]
    with pytest.raises(TextError, match="GREEK SMALL LETTER OMEGA"):
        tokenizer.encode("ΩΩ", "en")
    with pytest.raises(TextError, match="empty"):
        tokenizer.encode("", "en")


def test_typography_becomes_what_the_vocabulary_has(tokenizer: Tokenizer) -> None:
    tokens = tokenizer.encode("“It’s a fox…” – ﬁne", "en")
    assert tokens.text == "it's a fox... - fine"
    assert tokens.unknown == ()


def test_number_words_with_capitals_are_read(tokenizer: Tokenizer) -> None:
    pytest.importorskip("num2words")
    tokens = tokenizer.encode("3,5", "de")
    assert (tokens.text, tokens.unknown) == ("drei komma fünf", ())


def test_a_text_gives_the_model_no_orders(tokenizer: Tokenizer) -> None:
    tokens = tokenizer.encode("the [en] fox [STOP] [de]", "en")
    assert [i for i in tokens.ids if i < 2] == []
    assert names(tokenizer, tokens.ids).count("[en]") == 1
    assert "[de]" not in names(tokenizer, tokens.ids)
    assert tokens.text == "the en fox [stop] de"


def test_the_last_of_two_equal_merges_counts() -> None:
    """The official list of merges has repeats."""
    saved = json.loads(vocabulary())
    known = saved["model"]["vocab"]
    for token in ("qz", "zj"):
        known[token] = len(known)
    for merges, pieces in (
        (["q z", "z j"], ["qz", "j"]),
        (["q z", "z j", "q z"], ["q", "zj"]),
    ):
        saved["model"]["merges"] = merges
        tokenizer = Tokenizer(XttsTextConfig(json.dumps(saved)))
        assert names(tokenizer, tokenizer.encode("qzj", "en").ids)[1:] == pieces


def without(token: str) -> str:
    saved = json.loads(vocabulary())
    del saved["model"]["vocab"][token]
    saved["added_tokens"] = [t for t in saved["added_tokens"] if t["content"] != token]
    if token == "[UNK]":
        saved["model"]["unk_token"] = None
    return json.dumps(saved)


@pytest.mark.parametrize("token", ["[STOP]", "[UNK]", "[SPACE]", "[START]"])
def test_a_special_token_is_missing(token: str) -> None:
    with pytest.raises(BadCheckpoint, match=token[1:-1]):
        Tokenizer(XttsTextConfig(without(token)))


@pytest.mark.parametrize("broken", ["", "{", "{}", "[]", '{"model": {"type": "BPE"}}'])
def test_a_broken_vocabulary(broken: str) -> None:
    with pytest.raises(BadCheckpoint, match=r"vocab\.json"):
        Tokenizer(XttsTextConfig(broken))


def test_a_vocabulary_of_another_model(tokenizer: Tokenizer) -> None:
    Tokenizer(XttsTextConfig(vocabulary()), tokenizer.n_tokens)
    with pytest.raises(BadCheckpoint, match="6681"):
        Tokenizer(XttsTextConfig(vocabulary()), 6681)
    with pytest.raises(BadCheckpoint, match="a language"):
        Tokenizer(XttsTextConfig(vocabulary(())))


@pytest.mark.parametrize(
    ("name", "code"),
    [("en", "en"), ("EN", "en"), ("en-US", "en"), ("pt_br", "pt"), (" de ", "de"),
     ("zh", "zh-cn"), ("zh-CN", "zh-cn"), ("zh-TW", "zh-cn")],
)  # fmt: skip
def test_language_codes(name: str, code: str) -> None:
    assert language_code(name) == code


def test_an_unknown_language_is_refused_with_all_that_are_known() -> None:
    with pytest.raises(TextError, match=r"'enn'.*mean 'en'.*ja, hi"):
        language_code("enn")
    with pytest.raises(TextError, match=r"'hi'.*The model speaks en, de\."):
        language_code("hi", ("en", "de"))


def assert_nothing_lost(text: str, pieces: list[Chunk]) -> None:
    place = 0
    for piece in pieces:
        assert piece.text == text[piece.start : piece.end]
        assert not text[place : piece.start].strip()
        place = piece.end
    assert not text[place:].strip()


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "The quick brown fox, as they say, jumps over the lazy dog. "),
        ("ru", "Съешь же ещё этих мягких французских булок, да выпей чаю. "),
        ("ar", "نص حكيم له سر قاطع وذو شأن عظيم، مكتوب على ثوب أخضر؟ "),
        ("hi", "ऋषियों को सताने वाले दुष्ट राक्षसों के राजा रावण का अंत हो गया। "),
    ],
)
def test_pieces_hold_whole_sentences_within_the_limit(
    tokenizer: Tokenizer, language: str, sentence: str
) -> None:
    text = sentence * 20
    pieces = list(chunks(text, language, tokenizer))
    assert_nothing_lost(text, pieces)
    assert len(pieces) > 3
    for piece in pieces:
        assert len(piece.text) <= LIMITS[language]
        assert piece.text[-1] == sentence[-2]
        assert piece.pause_s > 0.3
        assert tokenizer.length(piece.text, language) <= MOST_TOKENS


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "a" * 10_000),
        ("en", "7" * 3_000),
        ("en", "$1.99 " * 500),
        ("en", "100% " * 500),
        ("hi", "९" * 2_000),
        ("tr", "ğ" * 10_000),
        ("en", "Ω" * 3_000),
        ("en", "fox " * 2_500),
    ],
)
def test_any_text_fits(tokenizer: Tokenizer, language: str, text: str) -> None:
    pytest.importorskip("num2words")
    pieces = list(chunks(text, language, tokenizer))
    assert_nothing_lost(text, pieces)
    assert max(tokenizer.length(piece.text, language) for piece in pieces) <= MOST_TOKENS


def test_scripts_without_spaces(tokenizer: Tokenizer) -> None:
    pytest.importorskip("pypinyin")
    text = "今天天气很好，我们一起去公园散步吧。" * 300 + "好" * 1000
    pieces = list(chunks(text, "zh", tokenizer))
    assert_nothing_lost(text, pieces)
    assert max(len(piece.text) for piece in pieces) <= LIMITS["zh-cn"]
    assert pieces[0].text.endswith("。")


def test_few_tokens_halve_the_pieces(tokenizer: Tokenizer) -> None:
    text = "The quick brown fox, as they say, jumps over the lazy dog."
    pieces = list(chunks(text, "en", tokenizer, most_tokens=24))
    assert_nothing_lost(text, pieces)
    assert len(pieces) > 2
    assert max(tokenizer.length(piece.text, "en") for piece in pieces) <= 24
    (whole,) = chunks(text, "en", tokenizer)
    assert pieces[-1].pause_s == whole.pause_s


def test_a_smaller_first_piece(tokenizer: Tokenizer) -> None:
    text = "The quick brown fox, as they say, jumps over the lazy dog. " * 5
    pieces = list(chunks(text, "en", tokenizer, first=40))
    assert_nothing_lost(text, pieces)
    assert len(pieces[0].text) <= 40 < len(pieces[1].text)
