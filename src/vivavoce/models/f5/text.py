"""Text -> tokens for an F5 or E2 model, together with the words of its reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vivavoce.errors import ConfigError, TextError
from vivavoce.text.check import describe, speakable
from vivavoce.text.pinyin import aligned_pinyin
from vivavoce.text.split import word_spans
from vivavoce.text.vocabulary import Vocabulary
from vivavoce.text.written import written_out
from vivavoce.types import Spoken, Tokens

Kind = Literal["pinyin", "characters", "bytes"]


@dataclass(frozen=True)
class F5TextConfig:
    """What the ids of a checkpoint mean.

    `kind`: `pinyin` unless a checkpoint says otherwise: the published inference turns every text
    into pinyin tokens, whatever the vocabulary holds. `bytes` are UTF-8 and need no `vocabulary`.
    `language` is that of voices which name none.
    """

    vocabulary: tuple[str, ...] = ()
    kind: Kind = "pinyin"
    normalise: bool = True
    language: str = "en"

    def __post_init__(self) -> None:
        if (self.kind == "bytes") == bool(self.vocabulary):
            raise ConfigError("text.vocabulary belongs to every text.kind but 'bytes'.")


def n_tokens(config: F5TextConfig) -> int:
    """Entries of the vocabulary; the embedding has one row more."""
    return 256 if config.kind == "bytes" else len(config.vocabulary)


def encode(
    config: F5TextConfig,
    vocabulary: Vocabulary,
    text: str,
    language: str | None = None,
    normalise: bool | None = None,
) -> Tokens:
    """One chunk's tokens, without the reference's words.

    Numbers, marks and words in capitals are written out (`normalise`; None: as the config says) in
    English and the other languages of XTTS. The model reads a token it does not know as a space;
    `unknown` lists the characters of `Tokens.text` that this befell. Raises TextError when no word
    can be spoken, MissingExtra for Chinese without the extra `zh` and for digits without the extra
    `languages`.
    """
    said = _said(config, speakable(text), language, normalise)
    tokens, places = _tokens(config.kind, said.text)
    missing = {} if config.kind == "bytes" else vocabulary.unknown(tokens)
    spans = word_spans(said.text)
    owner = {i: n for n, (start, end) in enumerate(spans) for i in range(start, end)}
    pairs = list(zip(tokens, places, strict=True))
    word_index = [-1 if token in missing else owner.get(place, -1) for token, place in pairs]
    unread = [said.text[place] for token, place in pairs if token in missing]
    unknown = tuple(c for c in dict.fromkeys(unread) if not c.isspace())
    if max(word_index, default=-1) < 0:
        raise TextError(
            f"The voice knows none of these characters: {describe(unknown) or said.text!r}.",
            "Write the text in a script and language the model was trained on.",
        )
    return Tokens(
        ids=tuple(_ids(config.kind, vocabulary, tokens)),
        word_index=tuple(word_index),
        words=tuple(said.text[start:end] for start, end in spans),
        word_starts=tuple(said.origin[start] for start, _ in spans),
        unknown=unknown,
        text=said.text,
    )


def tokens_of(config: F5TextConfig, text: str) -> list[str]:
    """The tokens that `encode` looks up, known or not. Raises as it does."""
    return _tokens(config.kind, _said(config, speakable(text), None, None).text)[0]


def unread(config: F5TextConfig, vocabulary: Vocabulary, transcript: str) -> tuple[str, ...]:
    """Characters of a reference's transcript that the model reads as a space, each once.

    The model continues the reference, so what it cannot read there is missing from the pace and
    the words that it goes by. Raises MissingExtra as `encode` does.
    """
    if config.kind == "bytes":
        return ()
    tokens, places = _tokens(config.kind, transcript)
    missing = vocabulary.unknown(tokens)
    lost = (transcript[p] for t, p in zip(tokens, places, strict=True) if t in missing and p >= 0)
    return tuple(c for c in dict.fromkeys(lost) if not c.isspace())


def joined_ids(
    vocabulary: Vocabulary, transcript: str, text: str, kind: Kind = "pinyin"
) -> list[int]:
    """Ids of the reference's words and a chunk in one, as the model continues the reference.

    They are not the ids of both one after the other: a space may come between. The transcript is
    given its ending (`prompt_for`); an empty one adds nothing. `text` is `Tokens.text`.
    """
    prompt = prompt_for(transcript) if transcript.strip() else ""
    return _ids(kind, vocabulary, _tokens(kind, prompt + text)[0])


def transcript_for(text: str) -> str:
    """The reference's words with the ending that the models expect: `. ` or `。`.

    The budget of a chunk counts the bytes of this form. Surrounding spaces of `text` do not count,
    so giving the result again changes nothing.
    """
    text = text.strip()
    if text.endswith("。"):
        return text
    return text + (" " if text.endswith(".") else ". ")


def prompt_for(text: str) -> str:
    """`transcript_for(text)` as it stands before a chunk: one space more after `. `.

    The tokens are made from this form, and the duration of a chunk counts its bytes.
    """
    text = transcript_for(text)
    return text + " " if text[-1].isascii() else text


def _said(config: F5TextConfig, text: str, language: str | None, normalise: bool | None) -> Spoken:
    if config.normalise if normalise is None else normalise:
        return written_out(text, language or config.language)
    return Spoken(text, tuple(range(len(text))))


def _tokens(kind: Kind, text: str) -> tuple[list[str], list[int]]:
    """Tokens, and the place in `text` of each (-1: put in between)."""
    if kind == "pinyin":
        return aligned_pinyin(text)
    if kind == "characters":
        return list(text), list(range(len(text)))
    encoded = [(chr(byte), i) for i, c in enumerate(text) for byte in c.encode("utf-8", "replace")]
    return [byte for byte, _ in encoded], [place for _, place in encoded]


def _ids(kind: Kind, vocabulary: Vocabulary, tokens: list[str]) -> list[int]:
    return [ord(token) for token in tokens] if kind == "bytes" else vocabulary.ids(tokens)
