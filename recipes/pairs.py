"""Make a small set of utterances in pairs, for recipes/f5-tiny.toml.

    python recipes/pairs.py data/kathleen OUT [--clips 128] [--pairs 1000]

F5 continues a recording: what it speaks follows another utterance. A model that is trained on
single clips never saw that. This takes the clips nearest to 2.2 s, trims their ends, joins
random pairs with a short pause, and writes OUT/*.flac and OUT/manifest.jsonl.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
from pathlib import Path

import numpy as np
import soundfile

RATE, PAUSE_S, MARGIN_S, FLOOR = 24000, 0.15, 0.06, 0.02
HELD_OUT = {f"arctic_b{n:04}" for n in range(500, 540)}


def trimmed(samples: np.ndarray) -> np.ndarray:
    """Without what lies more than MARGIN_S outside of the first and last loud moment."""
    loud = np.flatnonzero(np.abs(samples) > FLOOR * np.abs(samples).max())
    margin = int(MARGIN_S * RATE)
    return samples[max(0, loud[0] - margin) : loud[-1] + margin]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--clips", type=int, default=128)
    parser.add_argument("--pairs", type=int, default=1000)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    with (args.data / "metadata.csv").open(encoding="utf-8") as file:
        rows = list(csv.reader(file, delimiter="|", quoting=csv.QUOTE_NONE))
    rows = [row for row in rows if row[0][:12] not in HELD_OUT]
    rows.sort(key=lambda row: abs(float(row[2]) - 2.2))
    clips = {}
    for name, text, _ in rows[: args.clips]:
        clips[name] = text, trimmed(soundfile.read(args.data / "opus" / f"{name}.opus")[0])
    draw, pause = random.Random(1), np.zeros(int(PAUSE_S * RATE))
    lines = []
    for n in range(args.pairs):
        (first, a), (second, b) = (clips[c] for c in draw.sample(sorted(clips), 2))
        soundfile.write(args.out / f"{n:04}.flac", np.concatenate([a, pause, b]), RATE)
        lines.append({"id": f"{n:04}", "text": f"{first} {second}", "audio": f"{n:04}.flac"})
    for name, (text, samples) in clips.items():
        soundfile.write(args.out / f"{name}.flac", samples, RATE)
        lines.append({"id": name, "text": text, "audio": f"{name}.flac"})
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (args.out / "manifest.jsonl").write_text(text, encoding="utf-8")


main()
