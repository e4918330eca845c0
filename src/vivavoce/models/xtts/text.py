"""Text -> chunks -> token ids for an XTTS model."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from vivavoce.errors import BadCheckpoint, TextError, near_misses
from vivavoce.text import split
from vivavoce.text.byte_pairs import BytePairs
from vivavoce.text.check import speakable
from vivavoce.text.multilingual import LANGUAGES, LIMITS, spoken
from vivavoce.text.multilingual.clean import without_broken
from vivavoce.types import Chunk, Tokens

START, STOP = "[START]", "[STOP]"
MOST_TOKENS = 400
"""What the text positions of the published models hold, without start and stop."""

NEW_LANGUAGE_LIMIT = 200
"""Characters of one utterance in a language that only a fine-tuned model speaks."""

DIGIT_SIZE, MARK_SIZE = 7, 9
"""How many characters a digit and a mark with a name become, about."""

_LANGUAGE = re.compile(r"\[([a-z]{2,3}(?:-[a-z]{2,4})?)\]")
MARKS = frozenset("%&@#$£€°¥₹₽₩₺")


@dataclass(frozen=True)
class XttsTextConfig:
    """`vocabulary` is the JSON text of the checkpoint's vocab.json (Hugging Face tokenizers)."""

    vocabulary: str


class Tokenizer:
    """The ids of a text by the checkpoint's vocabulary.

    `n_tokens` rows of the embedding are needed, `start` and `stop` are the ids that the model puts
    around a text, `languages` what the vocabulary has a token for. Raises BadCheckpoint when the
    JSON is broken, lacks a special token, or needs more rows than the model's `text_tokens`.
    """

    def __init__(self, config: XttsTextConfig, text_tokens: int | None = None) -> None:
        self.vocabulary = config.vocabulary
        self.pairs = BytePairs(config.vocabulary, _OFFICIAL)
        vocabulary, self.n_tokens = self.pairs.ids, self.pairs.n_tokens
        known = [code for code in LANGUAGES if f"[{code}]" in vocabulary]
        tokens = filter(None, map(_LANGUAGE.fullmatch, sorted(vocabulary)))
        self.languages = tuple(dict.fromkeys([*known, *(token[1] for token in tokens)]))
        self.pairs.require((START, STOP), _OFFICIAL)
        if not self.languages:
            raise BadCheckpoint("The vocabulary has no token for a language.", _OFFICIAL)
        if text_tokens is not None and self.n_tokens != text_tokens:
            raise BadCheckpoint(
                f"The vocabulary has {self.n_tokens} entries, the model {text_tokens}.",
                "Both must come from one checkpoint: versions of XTTS differ.",
            )
        self.start, self.stop = vocabulary[START], vocabulary[STOP]

    def encode(self, text: str, language: str) -> Tokens:
        """The language's token and the text's, without start and stop.

        `Tokens.text` is the text as it is said; `word_index` belongs to its words, tokens without a
        letter or digit have -1; `unknown` are the characters that became [UNK]. Raises TextError
        when no word can be spoken or the language is not one of `languages`.
        """
        code = language_code(language, self.languages)
        said = self._said(speakable(text), code)
        advice = "Write the text in the script of the language that was asked for."
        return self.pairs.tokens(text, said, advice, f"[{code}]")

    def length(self, text: str, language: str) -> int:
        """How many ids `encode` would give; of any text, also one without words."""
        code = language_code(language, self.languages)
        return self.pairs.length(self._said(text, code), f"[{code}]")

    def unread(self, text: str, language: str) -> tuple[str, ...]:
        """Characters that become [UNK], each once; of any text, also one without words."""
        code = language_code(language, self.languages)
        return self.pairs.unread(self._said(text, code), f"[{code}]")

    def _said(self, text: str, code: str) -> str:
        """The text in words, in characters that the vocabulary has, if it has something like it."""
        return self.pairs.spelt(spoken_form(text, code))


def spoken_form(text: str, code: str) -> str:
    """The text in words, lower case; of a language without rules here, without quotes only."""
    if code in LANGUAGES:
        return spoken(text, code)
    composed = unicodedata.normalize("NFC", without_broken(text))
    return composed.lower().replace('"', "")


def language_code(name: str, known: Iterable[str] = LANGUAGES) -> str:
    """The model's code for `en`, `EN`, `en-US`, `pt_BR`, `zh`, `zh-TW`. Raises TextError."""
    codes = tuple(known)
    asked = name.strip().lower().replace("_", "-")
    base = asked.partition("-")[0]
    for code in (asked, base, "zh-cn" if base == "zh" else base):
        if code in codes:
            return code
    listed = f"The model speaks {', '.join(codes)}."
    close = near_misses(asked, codes)
    advice = listed if close.startswith("Known") else f"{close} {listed}".strip()
    raise TextError(f"Language {name!r} is not supported.", advice)


def chunks(
    text: str,
    language: str,
    tokenizer: Tokenizer,
    first: int | None = None,
    most_tokens: int = MOST_TOKENS,
) -> Iterator[Chunk]:
    """Pieces that the model can say in one breath, in order, made while they are asked for.

    At most the language's characters (a digit counts as the word it becomes) and `most_tokens`
    ids. Cut after sentences, else clauses, else words, else anywhere. `first` bounds the first
    piece alone, in characters, so that a stream begins early. Only whitespace lies between pieces.
    """
    code = language_code(language, tokenizer.languages)
    for piece in split.chunks(text, LIMITS.get(code, NEW_LANGUAGE_LIMIT), _size, first):
        yield from _within(piece, code, tokenizer, most_tokens)


def _within(chunk: Chunk, code: str, tokenizer: Tokenizer, most_tokens: int) -> Iterator[Chunk]:
    """The chunk, or its halves and theirs until each fits."""
    if len(chunk.text) < 2 or tokenizer.length(chunk.text, code) <= most_tokens:
        yield chunk
        return
    half = max(1, _size(chunk.text) // 2)
    for piece in split.chunks(chunk.text, half, _size):
        start, end = chunk.start + piece.start, chunk.start + piece.end
        pause_s = chunk.pause_s if end == chunk.end else piece.pause_s
        placed = replace(piece, start=start, end=end, pause_s=pause_s)
        yield from _within(placed, code, tokenizer, most_tokens)


def _size(text: str) -> int:
    """About as many characters as the text has when it is said."""
    digits = sum(map(str.isdigit, text))
    marks = sum(c in MARKS for c in text)
    return len(text) + (DIGIT_SIZE - 1) * digits + (MARK_SIZE - 1) * marks


_OFFICIAL = "It should be the vocab.json that belongs to the checkpoint."
