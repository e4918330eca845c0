"""Any text through every family's front end: typed errors only, and every offset is right.

A hundred texts by default, the same in every run; VIVAVOCE_TEXTS=10000 for as many.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from itertools import islice
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.models.xtts.vocabulary import vocabulary
from tests.planned import plan
from vivavoce.errors import MissingExtra, TextError
from vivavoce.models.f5 import chunking
from vivavoce.models.f5 import text as f5_text
from vivavoce.models.glow import text as glow_text
from vivavoce.models.xtts import text as xtts_text
from vivavoce.speech.timing import words
from vivavoce.text import coqui, espeak
from vivavoce.text.check import speakable
from vivavoce.text.coqui_cleaners import CLEANERS
from vivavoce.text.markup import show
from vivavoce.text.multilingual import LANGUAGES
from vivavoce.text.normalise import normalise
from vivavoce.text.split import chunks, sentences
from vivavoce.text.vocabulary import Vocabulary
from vivavoce.text.written import written_out
from vivavoce.types import Chunk, Tokens

TEXTS = int(os.environ.get("VIVAVOCE_TEXTS", "100"))
LONG_LINE = 1_000_000 if TEXTS >= 10_000 else 100_000

LINES = (
    "Hello there. Dr. Smith paid $3.50! Grüße, æøå ñ ç ş ğ ı İ ß ﬁ Ⅷ ½ ² ⁻¹ µ Ω № ™ © "
    "Привет мир Ґє ў; Γειά σου; שלום עולם; مرحبا بالعالم ١٢٣؛ नमस्ते दुनिया १२३। ওহে বিশ্ব; "
    "สวัสดีชาวโลก; こんにちは世界。你好，世界！안녕하세요 세계; Բարեւ; გამარჯობა; ሰላም ልዑል; "
    "ཀ་ཁ; မြန်မာ။ ខ្មែរ។ ᏣᎳᎩ ᚠᚢᚦ 𝔄𝕓𝓬 𐌀𐌁 𒀀 𓀀"
)
SCRIPTS = LINES.split()
PIECES = [
    *SCRIPTS,
    "[pause 1s]", "[pause", "<break time='2s'/>", "<break", "[12]", ".¹", "**", "_", "`", "# ",
    "[a](b)", "](", "&amp;", "&#x1F600;", "<b>", "</p>", "<br/>", "<!--", "-->", "\\", "| a |",
    "1,234.56", "€15,50", "2024-03-15T09:30:00Z", "10:30-11", "5'11\"", "1 000 000", "3 1/2-inch",
    "120/80", "H2SO4", "$1.2 billion", "2.5 kg", "7:30 p.m.", "no. 10", "XIV", "II", "0x1F", "1e-9",
    "10⁻³", "a@b.co", "https://x.org/a?b=c&d", "192.168.1.1:80", "\u00bd", "٣", "३", "３", "9" * 40,
    "e\u0301", "\u0301" * 3, "\u200d", "👩\u200d👩\u200d👧", "🏳️\u200d🌈", "🇩🇪", "👍🏽", "☎️",
    "\u202e", "\u2066abc\u2069", "\ufeff", "\u00ad", "\u2028", "\u2029", "\x00", "\x1b[31m", "\x85",
    "\ud800", "\udfff", "\ue000", "\uffff", "\U0010ffff", "\n", "\n\n", "\t", "\u00a0", "\u3000",
    " ", ".", "...", "?!", "。", "、", "—", "-", "'", "\"", "(", ")", "%", "+", "=", "<", ">", "~",
    "LOUD WORDS", "NASA", "A", "I", "STOP", "[STOP]", "[en]",
]  # fmt: skip

anything = st.text(st.characters(exclude_categories=()), max_size=12)
texts = st.lists(
    st.one_of(st.sampled_from(PIECES), st.sampled_from(PIECES), anything), max_size=14
).flatmap(lambda parts: st.sampled_from(["", " "]).map(lambda gap: gap.join(parts)))

Cut = Callable[[str], Iterable[Chunk]]
Tokenise = Callable[[str], Tokens]
FrontEnd = tuple[Cut, Tokenise]

LETTERS = Vocabulary((" ", *"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,!?'-"))


@cache
def tokenizer() -> xtts_text.Tokenizer:
    return xtts_text.Tokenizer(xtts_text.XttsTextConfig(vocabulary()))


def short(text: str) -> Iterator[Chunk]:
    return chunks(text, 60)


def f5(language: str, kind: f5_text.Kind = "pinyin") -> FrontEnd:
    tokens = () if kind == "bytes" else LETTERS.tokens
    config = f5_text.F5TextConfig(tokens, kind, language=language)
    return (
        lambda text: chunks(text, 60, chunking.spoken_bytes, 20),
        lambda text: f5_text.encode(config, Vocabulary(tokens), text, language),
    )


def xtts(language: str) -> FrontEnd:
    return (
        lambda text: xtts_text.chunks(text, language, tokenizer(), most_tokens=60),
        lambda text: tokenizer().encode(text, language),
    )


def cleaned(cleaner: str, language: str) -> FrontEnd:
    config: dict[str, Any] = {"text_cleaner": cleaner, "phoneme_language": language}
    return short, partial(coqui.from_config(config | {"model": "vits"}).encode)


def phonemes(language: str) -> FrontEnd:
    config = {"use_phonemes": True, "text_cleaner": "phoneme_cleaners", "model": "vits"}
    front = coqui.from_config(config | {"phoneme_language": language, "add_blank": True})
    return short, lambda text: front.encode(text, phonemise=espeak.phonemise)


FRONT_ENDS: dict[str, FrontEnd] = {
    "glow": (short, lambda text: glow_text.encode(glow_text.GlowTextConfig(), text)),
    "glow-as-written": (
        short,
        lambda text: glow_text.encode(glow_text.GlowTextConfig(normalise=False), text),
    ),
    **{f"coqui-{name}": cleaned(name, "en") for name in CLEANERS},
    "phonemes-en": phonemes("en-us"),
    "phonemes-fr": phonemes("fr-fr"),
    **{f"f5-{code}": f5(code) for code in ("en", "de", "fr", "zh", "ja", "ru", "hi", "sv")},
    "f5-bytes": f5("en", "bytes"),
    "f5-characters": f5("es", "characters"),
    **{f"xtts-{code}": xtts(code) for code in LANGUAGES},
}
"""Family and language -> its chunker and its tokeniser."""


def check_utterances(text: str, front: FrontEnd) -> None:
    """The whole way from a text to tokens, with every offset that comes out of it."""
    try:
        source = speakable(text)
        utterances = list(plan(text, *front))
    except (TextError, MissingExtra):
        return
    assert len(source) == len(text)
    assert [u.index for u in utterances] == list(range(len(utterances)))
    end = 0
    for utterance in utterances:
        chunk, tokens = utterance.chunk, utterance.tokens
        assert end <= chunk.start < chunk.end <= len(source)
        assert source[chunk.start : chunk.end] == chunk.text
        end = chunk.end
        assert 0.0 <= chunk.pause_s <= 30.0
        assert len(tokens.ids) == len(tokens.word_index)
        assert all(-1 <= owner < len(tokens.words) for owner in tokens.word_index)
        assert len(tokens.word_starts) == len(tokens.words)
        assert all(0 <= start < len(chunk.text) for start in tokens.word_starts)
        assert list(tokens.word_starts) == sorted(tokens.word_starts)
        timed = words(utterance, [1] * len(tokens.ids), 0.1)
        shown = [word for _, word in utterance.written if any(map(str.isalnum, word))]
        assert [w.text for w in timed if any(map(str.isalnum, w.text))] == shown
        for lost in utterance.unspoken:
            assert 0 <= lost.start < len(source)
            assert lost.characters
        assert len(utterance.warnings) == len(utterance.unspoken)


def check_steps(text: str) -> None:
    """Each step alone, on texts that no check has seen."""
    shown = show(text)
    for index in range(len(shown.text)):
        assert 0 <= shown.start(index) < shown.end(index + 1) <= len(text)
    assert all(text[c.start : c.end] == c.text for c in sentences(text))
    for language in ("en", "de", "zh", "ar"):
        step = normalise if language == "en" else written_out
        spoken = step(text, language)
        assert len(spoken.text) == len(spoken.origin)
        assert list(spoken.origin) == sorted(spoken.origin)
        assert all(0 <= place < len(text) for place in spoken.origin)


@seed(20261129)
@settings(max_examples=TEXTS, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(texts, st.data())
def test_any_text_is_spoken_or_refused(text: str, data: st.DataObject) -> None:
    check_steps(text)
    for name in data.draw(st.permutations(sorted(FRONT_ENDS)))[:4]:
        check_utterances(text, FRONT_ENDS[name])


@pytest.mark.parametrize("name", sorted(FRONT_ENDS))
def test_every_front_end_takes_every_piece(name: str) -> None:
    for first in range(0, len(PIECES), 12):
        check_utterances(" ".join(PIECES[first : first + 12]), FRONT_ENDS[name])


@pytest.mark.parametrize("piece", ["a", "a ", "1", "e\u0301", "🎉", "*", "\u200d", "[", "A.", "1,"])
def test_a_very_long_line_is_read_lazily(piece: str) -> None:
    text = piece * (LONG_LINE // len(piece))
    for name in ("glow", "f5-en", "xtts-en", "f5-de"):
        try:
            found = list(islice(plan(text, *FRONT_ENDS[name]), 3))
        except (TextError, MissingExtra):
            continue
        assert all(text[u.chunk.start : u.chunk.end] == u.chunk.text for u in found)
