"""Train the classifier that chooses between two readings of a word (text/homographs.py).

Data: https://github.com/google-research-datasets/WikipediaHomographData (labels Apache-2.0,
sentences from Wikipedia). Only words are listed whose two readings the lexicon tells apart.

    python recipes/english_homographs.py WikipediaHomographData/data
"""

from __future__ import annotations

import argparse
import csv
import re
from collections import Counter
from pathlib import Path

import torch

from vivavoce.text import homographs
from vivavoce.text.arpabet import _lexicon

OUT = Path(homographs.__file__).parent / "data" / "english_homographs.txt"
SECOND = ("vrb", "past", "nou-vrb")
"""Labels of the second reading; `OTHERS` where a word's labels are its own."""
OTHERS = {
    "lead": {"lead_nou": True, "lead_nou-vrb": False},
    "live": {"live_adj": True, "live_vrb": False},
    "content": {"content_nou": False, "content_adj-nou-vrb": True},
    "wound": {"wound_nou-vrb": False, "wound_vrb": True},
    "bass": {"bass": False, "bass_corp": True},
    "bow": {"bow_nou-ship": False, "bow_nou-knot": True},
    "minute": {"minute": False, "minute_adj": True},
    "learned": {"learned_vrb": False, "learned_adj": True},
    "aged": {"aged": False, "aged_adj": True},
    "blessed": {"blessed_vrb": False, "blessed_adj": True},
    "dove": {"dove": False, "dove_vrb": True},
    "invalid": {"invalid_adj": False, "invalid_nou": True},
    "compress": {"compress": True, "compress_nou": False},
    "transform": {"transform": True, "transform_nou": False},
    "isolate": {"isolate": True, "isolate_nou": False},
}
COMMON = 20
"""A neighbour seen so often is a feature of its own."""
WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def split(sentence: str) -> tuple[list[str], list[str], list[int]]:
    """Small words, the punctuation around them, and where each begins."""
    found = list(WORD.finditer(sentence))
    ends = [0, *(m.end() for m in found)]
    starts = [*(m.start() for m in found), len(sentence)]
    gaps = [
        re.sub(r"[^,;:.?!()—–-]", "", sentence[a:b]).strip("-")
        for a, b in zip(ends, starts, strict=True)
    ]
    return [m[0].lower().replace("’", "'") for m in found], gaps, starts[:-1]


def read(folder: Path) -> list[tuple[list[str], list[str], int, bool]]:
    """Words, gaps, the homograph's number, and whether it is the second reading."""
    rows = []
    lexicon = _lexicon()
    for file in sorted(folder.glob("*.tsv")):
        if not {f"{file.stem}+2", f"{file.stem}+v"} & lexicon.keys():
            continue
        with file.open(encoding="utf-8") as stream:
            for record in csv.DictReader(stream, delimiter="\t"):
                words, gaps, starts = split(record["sentence"])
                before = record["sentence"].encode()[: int(record["start"])].decode()
                if len(before) not in starts:
                    continue
                label = record["wordid"].removeprefix(file.stem + "_")
                own = OTHERS.get(file.stem)
                second = own[record["wordid"]] if own else label in SECOND
                rows.append((words, gaps, starts.index(len(before)), second))
    return rows


def features(rows: list, vocabulary: frozenset[str]) -> list[list[tuple[str, int, str]]]:
    found = []
    for words, gaps, place, _ in rows:
        near = homographs.neighbours(words, gaps, place, vocabulary)
        own = [(words[place], offset, what) for offset, what in near]
        found.append([(words[place], 0, ""), *(("", o, w) for o, w in near), *own])
    return found


def fit(found: list, labels: list[bool], decay: float) -> homographs.Weights:
    """Logistic regression with a penalty on the weights, harder on those of single words."""
    counts = Counter(name for row in found for name in row)
    names = [n for n, count in counts.items() if count >= (3 if n[0] and n[1] else 1)]
    index = {name: i for i, name in enumerate(names)}
    rows = [[index[n] for n in row if n in index] for row in found]
    flat = torch.tensor([i for row in rows for i in row])
    offsets = torch.tensor([0, *(len(row) for row in rows)]).cumsum(0)[:-1]
    weights = torch.nn.EmbeddingBag(len(names), 1, mode="sum")
    torch.nn.init.zeros_(weights.weight)
    penalty = torch.tensor([0.3 if not n[1] else 3.0 if n[0] else 1.0 for n in names])
    wanted = torch.tensor(labels).float()
    optimiser = torch.optim.LBFGS(weights.parameters(), max_iter=150, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        scores = weights(flat, offsets).squeeze(1)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(scores, wanted)
        loss = loss + decay * (penalty * weights.weight.squeeze(1).square()).sum() / len(rows)
        loss.backward()
        return loss

    optimiser.step(closure)
    values = weights.weight.detach().squeeze(1).tolist()
    return dict(zip(names, values, strict=True))


def write(weights: homographs.Weights) -> None:
    lines = [
        "# Which reading a homograph has: word (* for all), place, neighbour (- for none), tenths",
        "# that it adds to the second reading. Made by recipes/english_homographs.py.",
    ]
    for (word, place, near), value in sorted(weights.items()):
        if place == 0 or abs(value) >= (0.25 if word else 0.1):
            lines.append(f"{word or '*'}\t{place}\t{near or '-'}\t{round(10 * value)}")
    OUT.write_text("\n".join(lines) + "\n", encoding="ascii")


def score(rows: list) -> float:
    right = sum(homographs.second_reading(w, g, p) == second for w, g, p, second in rows)
    return right / len(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--decay", type=float, default=0.1)
    options = parser.parse_args()
    torch.manual_seed(0)
    rows = read(options.data / "train")
    seen = Counter()
    for words, gaps, place, _ in rows:
        seen.update(w for _, w in homographs.neighbours(words, gaps, place, frozenset(words)))
    vocabulary = frozenset(
        w for w, count in seen.items() if count >= COMMON and w.isascii() and w != homographs.BREAK
    )
    found = features(rows, vocabulary)
    write(fit(found, [second for *_, second in rows], options.decay))
    homographs._weights.cache_clear()
    homographs._vocabulary.cache_clear()
    held_out = read(options.data / "eval")
    usual = sum(not second for *_, second in held_out) / len(held_out)
    print(f"{len(rows)} sentences, {len(vocabulary)} common neighbours, {OUT.stat().st_size} bytes")
    print(f"right: {score(rows):.3f} of them, {score(held_out):.3f} of {len(held_out)} unseen")
    print(f"the first reading always: {usual:.3f} of the unseen")


if __name__ == "__main__":
    main()
