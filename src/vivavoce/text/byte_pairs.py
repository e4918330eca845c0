"""Ids of a text by a byte-pair vocabulary whose words are parted by a token [SPACE].

So have XTTS and Tortoise them, as the JSON text of a tokenizer of Hugging Face.
"""

from __future__ import annotations

import json
import re
import unicodedata
from difflib import SequenceMatcher

import tokenizers

from vivavoce.errors import BadCheckpoint, TextError
from vivavoce.text import split
from vivavoce.text.check import describe
from vivavoce.types import Tokens

SPACE, UNKNOWN = "[SPACE]", "[UNK]"
# For characters that a vocabulary lacks, and only then.
SAME = str.maketrans(
    {"’": "'", "‘": "'", "ʼ": "'", "`": "'", "“": "", "”": "", "„": "", "«": "", "»": "",
     "–": "-", "—": "-", "‑": "-", "−": "-", "…": "...", "।": ".", "॥": ".", "؟": "?", "،": ",",
     "؛": ",", ";": ",", ":": ","}
)  # fmt: skip


class BytePairs:
    """`ids` are the tokens' numbers, the added ones too, `characters` those that have a token.

    Raises BadCheckpoint with `advice` when the JSON is broken or lacks [SPACE] or [UNK].
    """

    def __init__(self, vocabulary: str, advice: str) -> None:
        try:
            json.loads(vocabulary)
            self.bpe = tokenizers.Tokenizer.from_str(vocabulary)
        except Exception as error:
            raise BadCheckpoint(f"The vocabulary cannot be read: {error}.", advice) from error
        self.ids = self.bpe.get_vocab(with_added_tokens=True)
        self.require((SPACE, UNKNOWN), advice)
        self.n_tokens = max(self.ids.values(), default=-1) + 1
        self.characters = frozenset(token for token in self.ids if len(token) == 1)
        added = self.bpe.get_added_tokens_decoder().values()
        special = sorted(token.content for token in added)
        self._special = re.compile("|".join(map(re.escape, special)) or r"(?!)")

    def require(self, tokens: tuple[str, ...], advice: str) -> None:
        """Raises BadCheckpoint, naming those that the vocabulary lacks."""
        if missing := [token for token in tokens if token not in self.ids]:
            raise BadCheckpoint(f"The vocabulary has no token for {' '.join(missing)}.", advice)

    def spelt(self, said: str) -> str:
        """`said` in characters that the vocabulary has, if it has something like those it lacks."""
        lacking = {c for c in said if c not in self.characters and c != " "}
        if lacking:
            said = said.translate({ord(c): self._alike(c) for c in lacking})
        # What looks like a special token is no order to the model.
        return self._special.sub(lambda match: match[0].strip("[]"), " ".join(said.split()))

    def _alike(self, character: str) -> str:
        alike = unicodedata.normalize("NFKC", character.translate(SAME))
        forms = (alike, alike.lower())  # number words may have capitals: "Komma"
        return next((form for form in forms if self.characters.issuperset(form)), character)

    def tokens(self, source: str, said: str, advice: str, prefix: str = "") -> Tokens:
        """`prefix` (a token) and the words that `said` says of the `source` text.

        `word_index` belongs to its words, tokens without a letter or digit have -1; `unknown` are
        the characters that became [UNK]. Raises TextError with `advice` when no word has a token.
        """
        encoding, places = self._encoding(said, prefix)
        spans = split.word_spans(said)
        owner = {i: n for n, (start, end) in enumerate(spans) for i in range(start, end)}
        word_index, unread = [], []
        for token, (start, end) in zip(encoding.ids, encoding.offsets, strict=True):
            covered = [place for place in places[start:end] if place >= 0]
            if token == self.ids[UNKNOWN]:
                unread += [said[place] for place in covered]
                covered = []
            owners = (owner.get(place, -1) for place in covered if _in_word(said[place]))
            word_index.append(next(owners, -1))
        unknown = tuple(dict.fromkeys(c for c in unread if not c.isspace()))
        if max(word_index, default=-1) < 0:
            raise TextError(
                f"The voice knows none of these characters: {describe(unknown) or said!r}.", advice
            )
        words = tuple(said[start:end] for start, end in spans)
        starts = _word_starts(source, words)
        return Tokens(tuple(encoding.ids), tuple(word_index), words, starts, unknown, said)

    def length(self, said: str, prefix: str = "") -> int:
        """How many ids `tokens` would give; of any text, also one without words."""
        return len(self._encoding(said, prefix)[0].ids)

    def unread(self, said: str, prefix: str = "") -> tuple[str, ...]:
        """Characters that become [UNK], each once; of any text, also one without words."""
        encoding, places = self._encoding(said, prefix)
        lost = (
            said[place]
            for token, (start, end) in zip(encoding.ids, encoding.offsets, strict=True)
            if token == self.ids[UNKNOWN]
            for place in places[start:end]
            if place >= 0
        )
        return tuple(c for c in dict.fromkeys(lost) if not c.isspace())

    def _encoding(self, said: str, prefix: str) -> tuple[tokenizers.Encoding, list[int]]:
        """The encoding, and the place in `said` of each character that it was made from."""
        places = [-1] * len(prefix)
        for i, character in enumerate(said):
            places += [-1] * len(SPACE) if character == " " else [i]
        return self.bpe.encode(prefix + said.replace(" ", SPACE)), places


def _word_starts(source: str, words: tuple[str, ...]) -> tuple[int, ...]:
    """Where in the source each word was read from.

    Exact for words that stayed as they were, else in proportion between those.
    """
    spans = split.word_spans(source)
    written = [source[start:end].lower() for start, end in spans]
    starts: list[int] = []
    for _, a, b, c, d in SequenceMatcher(None, written, words, autojunk=False).get_opcodes():
        for n in range(d - c):
            nearest = min(a + n * max(b - a, 1) // (d - c), len(spans) - 1)
            starts.append(spans[nearest][0] if spans else 0)
    return tuple(starts)


def _in_word(character: str) -> bool:
    return unicodedata.category(character)[0] in "LMN"
