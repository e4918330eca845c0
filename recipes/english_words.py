"""Make the list of English words that other programs' lexicons are written for. No torch.

The words of a pronouncing dictionary in CMUdict's format that some other list has too: of such
lists this takes any number, one word a line or hunspell's `word/FLAGS`, and plurals of their names.
Possessives are left out, because a lexicon adds them by rule. Words of `--keep` stay in any case.

    python recipes/english_words.py cmudict.dict words.txt names.txt en.dic --keep english_words.txt
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

WORD = re.compile(r"[a-z]+(?:'[a-z]+)*")
HEADER = """\
# English words for lexicons that other programs look up, sorted: from Standard Ebooks editions
# (CC0) of stories by Doyle, Wodehouse and Alexander, and those of CMUdict (see NOTICE) that lists
# of common words or names have too. Made by recipes/english_words.py.
"""


def listed(path: Path) -> set[str]:
    found: set[str] = set()
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        word = re.split(r"[/\s]", line.strip(), maxsplit=1)[0]
        found.add(word.lower())
        if word[:1].isupper():
            found.add(f"{word.lower()}s")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dictionary", type=Path)
    parser.add_argument("lists", type=Path, nargs="+")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--output", type=Path, default=Path("english_words.txt"))
    options = parser.parse_args()
    known = {word for word in listed(options.dictionary) if not word.endswith("'s")}
    common = set[str]().union(*map(listed, options.lists))
    kept = listed(options.keep) if options.keep else set[str]()
    words = sorted(word for word in known & common | kept if WORD.fullmatch(word))
    options.output.write_text(HEADER + "".join(f"{word}\n" for word in words), encoding="ascii")
    print(f"{len(words)} words")


if __name__ == "__main__":
    main()
