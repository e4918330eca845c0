"""Books for benchmarks: as many words as wanted, drawn from a seed, no paragraph twice."""

from __future__ import annotations

import random
import re

SENTENCES = (
    "The {a} {n} stood by the {n}, and {p} had never seen it so {a}.",
    "{p} walked along the {n} until the {a} {n} came into sight.",
    "Nobody remembered who had put the {n} there; {p} thought it was the {n}.",
    "“It is {a} today,” said {p}, “and the {n} will not wait for us.”",
    "In {m} the {n} was {a}, and in {m} it was {a} again.",
    "There were {k} of them in the {n}, each as {a} as the last.",
    "{p} looked at the {n}, then at the {a} {n}, and said nothing at all.",
    "When the {n} was {a} enough, {p} opened the {n} and let the water through.",
    "So they sat beside the {n} and counted {k} {a} stones.",
)
WORDS = {
    "n": "mill river weir bridge garden letter window orchard road harbour lantern kitchen valley "
    "church meadow station market cellar island ferry tower forest",
    "a": "old quiet heavy bright narrow cold empty green distant broken gentle sudden plain warm "
    "hollow silver early bitter",
    "p": "Ann Martha Peter Clara Henry Rose Samuel Edith Walter Grace",
    "m": "January March April June July September October December",
    "k": "two three five seven eleven twelve twenty forty",
}


def paragraph(draw: random.Random, sentences: int) -> str:
    def word(found: re.Match[str]) -> str:
        return draw.choice(WORDS[found[1]].split())

    return " ".join(
        re.sub(r"\{(\w)\}", word, draw.choice(SENTENCES)) for _ in range(max(1, sentences))
    )


def novel(words: int, chapters: int, seed: int = 0) -> str:
    """Markdown: chapters of equal length, of paragraphs of one to eight sentences."""
    draw = random.Random(seed)
    parts = []
    for number in range(1, chapters + 1):
        said, lines = 0, [f"# Chapter {number}"]
        while said < words / chapters:
            lines.append(paragraph(draw, draw.randint(1, 8)))
            said += len(lines[-1].split())
        parts.append("\n\n".join(lines))
    return "\n\n".join(parts) + "\n"


def short_chapters(count: int) -> str:
    """Markdown: a title and two words each, for the places of many chapters."""
    draw = random.Random(count)
    names = [draw.choice(WORDS["p"].split()) for _ in range(count)]
    return "\n\n".join(f"# Part {n}\n\n{name} went on." for n, name in enumerate(names, 1)) + "\n"
