"""Text -> BERT's word pieces, as ids of Bark's first transformer."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import tokenizers
from tokenizers import models, normalizers, pre_tokenizers

from vivavoce.errors import BadCheckpoint, ConfigError
from vivavoce.models.bark.config import BarkConfig
from vivavoce.text.check import speakable
from vivavoce.text.split import word_spans
from vivavoce.types import Tokens

UNKNOWN = "[UNK]"
LONGEST_WORD = 100


@dataclass(frozen=True)
class BarkTextConfig:
    """`vocabulary`: the entries of BERT's vocab.txt in their order, a space between them."""

    vocabulary: str


def vocabulary_of(lines: str) -> str:
    """The text of a vocab.txt as `BarkTextConfig` has it. Raises BadCheckpoint."""
    entries = lines.replace("\r\n", "\n").removesuffix("\n").split("\n")
    if UNKNOWN not in entries or any(" " in entry for entry in entries):
        raise BadCheckpoint(
            "The vocabulary is not BERT's vocab.txt: it lacks [UNK], or has entries with spaces.",
            "Put the vocab.txt of bert-base-multilingual-cased beside the checkpoint.",
        )
    return " ".join(entries)


class WordPieces:
    """The ids of a text. Raises ConfigError where the vocabulary is longer than the model's."""

    def __init__(self, text: BarkTextConfig, config: BarkConfig) -> None:
        entries = text.vocabulary.split(" ")
        if len(entries) > config.text_pad - config.text_offset:
            room = config.text_pad - config.text_offset
            raise ConfigError(f"The vocabulary has {len(entries)} entries, the model {room}.")
        self.offset = config.text_offset
        self.entries = {entry: number for number, entry in enumerate(entries)}
        pieces = models.WordPiece(
            self.entries, unk_token=UNKNOWN, max_input_chars_per_word=LONGEST_WORD
        )
        self.pieces = tokenizers.Tokenizer(pieces)
        self.pieces.normalizer = normalizers.BertNormalizer(strip_accents=False, lowercase=False)
        self.pieces.pre_tokenizer = pre_tokenizers.BertPreTokenizer()

    def length(self, text: str) -> int:
        """How many ids `encode` gives; of any text, also one without words."""
        return len(self.pieces.encode(text, add_special_tokens=False).ids)

    def encode(self, text: str) -> Tokens:
        """Marks such as `[laughs]` or `♪` are text to the model. Raises TextError."""
        said = " ".join(unicodedata.normalize("NFC", speakable(text)).split())
        found = self.pieces.encode(said, add_special_tokens=False)
        spans = word_spans(said)
        owner = {i: n for n, (start, end) in enumerate(spans) for i in range(start, end)}
        word_index, lost = [], list[str]()
        for number, (start, end) in zip(found.ids, found.offsets, strict=True):
            known = number != self.entries[UNKNOWN]
            word_index.append(owner.get(start, -1) if known else -1)
            lost += [] if known else said[start:end]
        unknown = tuple(dict.fromkeys(c for c in lost if c not in self.entries))
        ids = tuple(number + self.offset for number in found.ids)
        words = tuple(said[start:end] for start, end in spans)
        return Tokens(ids, tuple(word_index), words, unknown=unknown, text=said)
