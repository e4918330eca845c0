"""What the benchmark of XTTS says, and a vocab.json that can read it. Knows no tensors."""

from __future__ import annotations

from itertools import pairwise
from string import ascii_lowercase
from typing import Any

LANGUAGES = (
    *("en", "es", "fr", "de", "it", "pt", "pl", "tr", "ru"),
    *("nl", "cs", "ar", "zh-cn", "hu", "ko", "ja", "hi"),
)
START_TEXT = 261

SENTENCE = (
    "The harbour was quiet that morning, and only two boats moved slowly across the bay while "
    "the old lighthouse keeper walked home."
)
"""Both sides read it as 90 tokens: 124 positions with 32 latents, start and stop."""

SENTENCES = (
    SENTENCE,
    "Nobody had told the children why the garden gate was locked, so they climbed the apple tree.",
    "A warm wind came from the south and carried the smell of bread over the roofs of the town.",
    "She kept her letters in a wooden box under the stairs, tied together with a piece of string.",
    "When the last train had left, the station clock was the only thing that made a sound.",
    "He sharpened the pencil twice, looked at the empty page, and went to make some tea instead.",
    "Along the river stand seven mills, and each of them has a story that somebody remembers.",
    "The orchestra tuned for a long time before the lights went down and the evening began.",
)
"""Eight for one decode; the vocabulary is made from them."""

MERGES = 52
"""So many that SENTENCE has 90 tokens."""


def vocabulary(entries: int) -> dict[str, Any]:
    """vocab.json: byte pairs of SENTENCES, special tokens at their places, then up to `entries`."""
    words = [list(word) for text in SENTENCES for word in _words(text)]
    alphabet = sorted({letter for word in words for letter in word} | set(ascii_lowercase))
    merges = _merges(words, MERGES)
    special = {"[STOP]": 0, "[UNK]": 1, "[SPACE]": 2, "[en]": 259, "[de]": 260, "[START]": 261}
    others = [f"[{code}]" for code in LANGUAGES if code not in ("en", "de")]
    special |= {name: START_TEXT + 1 + n for n, name in enumerate(others)}
    taken, table = set(special.values()), dict(special)
    free = (n for n in range(entries) if n not in taken)
    for entry in [*alphabet, *(a + b for a, b in merges)]:
        table[entry] = next(free)
    table |= {f"<unused {n}>": n for n in free}
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    added = [{"id": n, "special": True, "content": name} | flags for name, n in special.items()]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": sorted(added, key=lambda entry: entry["id"]),
        "normalizer": None,
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None,
        "decoder": None,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": "[UNK]",
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "vocab": dict(sorted(table.items(), key=lambda item: item[1])),
            "merges": [f"{a} {b}" for a, b in merges],
        },
    }


def _words(text: str) -> list[str]:
    spaced = text.lower()
    for mark in ".,":
        spaced = spaced.replace(mark, f" {mark} ")
    return spaced.split()


def _merges(words: list[list[str]], count: int) -> list[tuple[str, str]]:
    """The pairs that are most frequent, again and again; of equals the first in the alphabet."""
    found: list[tuple[str, str]] = []
    while len(found) < count:
        pairs: dict[tuple[str, str], int] = {}
        for word in words:
            for pair in pairwise(word):
                pairs[pair] = pairs.get(pair, 0) + 1
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        found.append(best)
        words = [_merged(word, best) for word in words]
    return found


def _merged(word: list[str], pair: tuple[str, str]) -> list[str]:
    made: list[str] = []
    for letter in word:
        if made and (made[-1], letter) == pair:
            made[-1] += letter
        else:
            made.append(letter)
    return made
