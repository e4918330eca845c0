"""Make a small set of utterances in pairs, for recipes/f5-overfit.toml. Needs soundfile.

    python recipes/pairs.py data/kathleen data/pairs --clips 128 --pairs 1000
    python recipes/pairs.py data/kathleen data/twelve --clips 12 --pairs 132 --even

F5 continues a recording, so what it speaks follows another utterance; a model that is trained on
single clips never saw that. This takes the clips nearest to 2.2 s, or with --even, of those of 1.6
to 2.8 s, the ones that are read at the most usual pace; trims their ends, joins random pairs with
a short pause, and writes OUT/*.flac and OUT/manifest.jsonl, the single clips included.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
from itertools import permutations
from pathlib import Path

import numpy as np
import soundfile

RATE, PAUSE_S, MARGIN_S, FLOOR = 24000, 0.15, 0.06, 0.02
USUAL_S, SHORTEST_S, LONGEST_S = 2.2, 1.6, 2.8
HELD_OUT = {f"arctic_b{n:04}" for n in range(500, 540)}


def trimmed(path: Path) -> np.ndarray:
    """Without what lies more than MARGIN_S outside of the first and last loud moment."""
    samples = soundfile.read(path)[0]
    loud = np.flatnonzero(np.abs(samples) > FLOOR * np.abs(samples).max())
    margin = int(MARGIN_S * RATE)
    return samples[max(0, loud[0] - margin) : loud[-1] + margin]


def chosen(data: Path, count: int, even: bool) -> dict[str, tuple[str, np.ndarray]]:
    """Text and samples of so many clips, by name; no sentence twice."""
    with (data / "metadata.csv").open(encoding="utf-8") as file:
        rows = list(csv.reader(file, delimiter="|", quoting=csv.QUOTE_NONE))
    rows = [row for row in rows if row[0][:12] not in HELD_OUT]
    rows = list({row[1]: row for row in reversed(rows)}.values())[::-1]
    if not even:
        rows.sort(key=lambda row: abs(float(row[2]) - USUAL_S))
        rows = rows[:count]
    clips = {
        row[0]: (row[1], trimmed(data / "opus" / f"{row[0]}.opus"))
        for row in rows
        if not even or SHORTEST_S < float(row[2]) < LONGEST_S
    }
    pace = {name: len(text) / len(samples) for name, (text, samples) in clips.items()}
    usual = float(np.median(list(pace.values())))
    names = sorted(clips, key=lambda name: abs(pace[name] - usual)) if even else list(clips)
    return {name: clips[name] for name in names[:count]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--clips", type=int, default=128)
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--even", action="store_true", help="clips of one pace")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    clips = chosen(options.data, options.clips, options.even)
    pause, lines = np.zeros(int(PAUSE_S * RATE)), []
    parts = [(name,) for name in clips]
    parts += random.Random(1).sample(list(permutations(clips, 2)), options.pairs)
    for names in parts:
        joined = [part for name in names for part in (pause, clips[name][1])][1:]
        audio = f"{'-'.join(names)}.flac"
        soundfile.write(options.out / audio, np.concatenate(joined), RATE)
        text = " ".join(clips[name][0] for name in names)
        lines.append(json.dumps({"id": audio[:-5], "text": text, "audio": audio}) + "\n")
    (options.out / "manifest.jsonl").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
