"""The door to the text rules of every kind of voice: utterances, and their symbols."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from vivavoce.errors import TextError
from vivavoce.models.vits.text import english, mms, original, piper
from vivavoce.models.vits.text.chunking import utterances
from vivavoce.models.vits.text.config import TextConfig
from vivavoce.text import arpabet, coqui
from vivavoce.text.normalise import normalise
from vivavoce.text.split import word_spans
from vivavoce.types import Chunk, Tokens


class TextRules:
    """Made once for a model; keeps nothing of the texts."""

    def __init__(self, config: TextConfig) -> None:
        self.config = config
        self._coqui = coqui.from_config(config.coqui) if config.coqui is not None else None
        symbols = coqui.CoquiVocabulary(config.symbols, blank=0)
        self._symbols = coqui.CoquiText(symbols, add_blank=config.add_blank)

    @property
    def n_tokens(self) -> int:
        """Size of the vocabulary."""
        if self.config.piper is not None:
            return 1 + max(i for ids in self.config.piper.ids.values() for i in ids)
        if self._coqui is not None:
            return len(self._coqui.vocabulary)
        return len(self.config.symbols) or len(arpabet.SYMBOLS)

    @property
    def symbols(self) -> tuple[str, ...]:
        """What each id means; empty where nothing is said of it."""
        if self.config.piper is not None:
            named = {i: symbol for symbol, ids in self.config.piper.ids.items() for i in ids}
            return tuple(named.get(number, "") for number in range(self.n_tokens))
        if self._coqui is not None:
            return self._coqui.vocabulary.symbols
        return tuple(self.config.symbols) or arpabet.SYMBOLS

    def chunks(self, text: str) -> Iterator[Chunk]:
        """Utterances of a text, made as they are asked for."""
        return utterances(text, self.config.piper.silence if self.config.piper else None)

    def encode(self, text: str, language: str = "") -> Tokens:
        """`language` is one of a model with several, in Coqui's spelling.

        Raises TextError when nothing of `text` can be spoken, MissingExtra for a voice that needs
        an optional package.
        """
        config = self.config
        if config.piper is not None:
            return piper.encode(config.piper, config.language, text)
        if self._coqui is not None:
            found = self._coqui.encode(text, language or None, english.phonemise)
            return _blanks_owned(found) if self._coqui.add_blank else found
        if config.kind == "mms":
            return self._mms(text)
        if config.kind == "original":
            return self._original(text)
        return arpabet.encode(normalise(text, "en"))

    def _mms(self, text: str) -> Tokens:
        said = mms.prepared(self.config, mms.numbers_spoken(self.config, text))
        lost = [c for c in dict.fromkeys(said) if c.isalnum() and c not in self.config.symbols]
        known = mms.kept(self.config, said)
        if not known:
            raise TextError(
                f"The voice knows none of the characters in '{text[:40]}'.",
                f"It speaks '{self.config.language}': write the text in that language.",
            )
        return replace(self._looked_up(known, text), unknown=tuple(lost))

    def _original(self, text: str) -> Tokens:
        said = english.phonemise(original.prepared(text), self.config.language)
        return self._looked_up(said, text)

    def _looked_up(self, said: str, text: str) -> Tokens:
        starts = [start for start, _ in word_spans(text)]
        found = self._symbols.look_up(said, starts)
        return _blanks_owned(found) if self.config.add_blank else found


def _blanks_owned(tokens: Tokens) -> Tokens:
    """A blank's time belongs to the symbol before it, as Piper counts too."""
    index = list(tokens.word_index)
    for place in range(2, len(index), 2):
        index[place] = index[place - 1]
    return replace(tokens, word_index=tuple(index))
