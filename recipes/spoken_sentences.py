"""Print sentences of what books lack: numbers, dates, questions, names, lists, short answers.

python recipes/spoken_sentences.py [COUNT] > spoken.txt
"""

from __future__ import annotations

import random
import re
import sys
import tomllib
from pathlib import Path

TABLES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
WORDS = {
    name: [word.strip() for word in words.replace("\n", " ").split("|")]
    for name, words in TABLES["words"].items()
}
TEMPLATES = re.sub(r"\n {2}", " ", TABLES["templates"]["lines"]).strip().splitlines()


def filled(hole: str, rng: random.Random) -> str:
    """`NAME`, `2-9`, `3*NAME` or `a|b`."""
    if hole in WORDS:
        return rng.choice(WORDS[hole])
    if found := re.fullmatch(r"(\d+)-(\d+)", hole):
        return str(rng.randint(int(found[1]), int(found[2])))
    if found := re.fullmatch(r"(\d)\*(\w+)", hole):
        *first, last = rng.sample(WORDS[found[2]], int(found[1]))
        return f"{', '.join(first)}, and {last}"
    return rng.choice(hole.split("|"))


def sentence(template: str, rng: random.Random) -> str:
    made = re.sub(r"\{([^}]*)\}", lambda hole: filled(hole[1], rng), template)
    return made[0].upper() + made[1:]


def main() -> None:
    rng = random.Random(19)
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
    found: dict[str, None] = {}
    turn = 0
    while len(found) < count:
        found.setdefault(sentence(TEMPLATES[turn % len(TEMPLATES)], rng))
        turn += 1
    print("\n".join(found))


if __name__ == "__main__":
    main()
