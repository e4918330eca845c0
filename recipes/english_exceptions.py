"""Renew the second half of the English lexicon: common words that the letter model reads wrongly.

Run it after training new letters. What stands above the marker line in the lexicon is written by
hand and stays; below it come the words that a pronouncing dictionary in CMUdict's format reads
otherwise than the package does without them, out of the most frequent ones of a ranking.

    python recipes/english_exceptions.py cmudict.dict --ranking words.txt
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from vivavoce.text import arpabet

LEXICON = Path(arpabet.__file__).parent / "data" / "english_exceptions.txt"
MARKER = "# Words that the letter model reads otherwise than CMUdict."
SHORT = 3000  # so many of the most common words are listed when short: capitals cannot hide them
Readings = dict[str, list[tuple[str, ...]]]


def read_dictionary(path: Path) -> Readings:
    found: Readings = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        word, *phones = line.split("#")[0].split() or [""]
        if re.fullmatch(r"[a-z]+('[a-z]+)?(\(\d\))?", word):
            found.setdefault(word.split("(")[0], []).append(tuple(phones))
    return found


def exceptions(known: Readings, words: list[str], exact: set[str]) -> dict[str, tuple[str, ...]]:
    """Shorter words first, so that inflections follow from their stems.

    Any of the dictionary's readings will do, except for the words of `exact` (only the first).
    """
    lexicon = arpabet._lexicon()
    fresh: dict[str, tuple[str, ...]] = {}
    common_short = {word for word in [*words[:SHORT], *exact] if len(word) < 4}
    for word in sorted({w for w in words if w in known and w not in lexicon}, key=len):
        right = known[word][:1] if word in exact else known[word]
        if arpabet._part(word) in right and word not in common_short:
            continue
        reading = known[word][0]
        if bare(reading) == bare(spelt := arpabet._spelt(word) if word.isalpha() else ()):
            if word not in exact:  # "abs" and "ach" are words as well
                continue
            reading = spelt  # CMUdict stresses every letter alike, the package the last one most
        lexicon[word] = fresh[word] = reading
    return fresh


def bare(phones: tuple[str, ...]) -> list[str]:
    return [phone.rstrip("012") for phone in phones]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dictionary", type=Path)
    parser.add_argument("--ranking", type=Path, required=True)
    parser.add_argument("--count", type=int, default=20000, help="so many of the common words")
    parser.add_argument("--also", type=Path, help="more words, which must read as in CMUdict")
    options = parser.parse_args()
    by_hand = LEXICON.read_text(encoding="ascii").split(MARKER)[0]
    lexicon = arpabet._lexicon()
    lexicon.clear()
    for line in by_hand.splitlines():
        if line and not line.startswith("#"):
            word, *phones = line.split()
            lexicon[word] = tuple(phones)
    ranking = options.ranking.read_text(encoding="utf-8").split()[: options.count]
    also = options.also.read_text(encoding="utf-8").split() if options.also else []
    fresh = exceptions(read_dictionary(options.dictionary), [*ranking, *also], set(also))
    lines = [f"{word} {' '.join(phones)}" for word, phones in sorted(fresh.items())]
    temporary = LEXICON.with_suffix(".new")
    temporary.write_text("\n".join([by_hand + MARKER, *lines, ""]), encoding="ascii")
    temporary.replace(LEXICON)
    print(f"{len(fresh)} words, {LEXICON.stat().st_size} bytes")


if __name__ == "__main__":
    main()
