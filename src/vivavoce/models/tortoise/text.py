"""Text -> chunks -> token ids for a Tortoise model. English only."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from vivavoce.errors import BadCheckpoint
from vivavoce.text import split
from vivavoce.text.byte_pairs import BytePairs
from vivavoce.text.check import speakable
from vivavoce.text.coqui_cleaners import clean
from vivavoce.types import Chunk, Tokens

MOST_CHARACTERS, DIGIT_SIZE = 200, 7
"""Of an utterance, 12 s or so, and how many of them a digit becomes, about."""
BELONGS = "Put the tokenizer.json of the release into the same folder."
SPOKEN = "Write the text in English."


@dataclass(frozen=True)
class TortoiseTextConfig:
    """`vocabulary` is the JSON text of the release's tokenizer.json (Hugging Face tokenizers)."""

    vocabulary: str


class TortoiseText:
    """Raises BadCheckpoint for a vocabulary that is none, or that needs more than `rows` rows."""

    def __init__(self, config: TortoiseTextConfig, rows: int) -> None:
        self.pairs = BytePairs(config.vocabulary, BELONGS)
        if self.pairs.n_tokens > rows:
            raise BadCheckpoint(
                f"The vocabulary has {self.pairs.n_tokens} entries, the model {rows}.", BELONGS
            )

    def encode(self, text: str) -> Tokens:
        """Numbers and abbreviations in words, accents left out.

        Raises TextError when no word can be spoken.
        """
        said = clean(speakable(text), "english_cleaners", "en")
        letters = unicodedata.normalize("NFKD", said)
        plain = "".join(c for c in letters if not unicodedata.combining(c))
        return self.pairs.tokens(text, self.pairs.spelt(plain), SPOKEN)


def chunks(text: str) -> Iterator[Chunk]:
    """Pieces that the model can say in one breath."""
    return split.chunks(text, MOST_CHARACTERS, _size)


def _size(text: str) -> int:
    return len(text) + (DIGIT_SIZE - 1) * sum(map(str.isdigit, text))
