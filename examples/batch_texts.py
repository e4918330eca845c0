"""Speak every line of a file as a recording of its own, eight lines side by side.

python examples/batch_texts.py prompts.txt prompts/
"""

import sys
from pathlib import Path

import vivavoce


def main(source: str, folder: str) -> None:
    lines = Path(source).read_text(encoding="utf-8").splitlines()
    texts = [line for line in lines if line.strip()]
    Path(folder).mkdir(parents=True, exist_ok=True)
    tts = vivavoce.load()
    for number, speech in enumerate(tts.batch(texts, seed=7, batch_size=8), 1):
        path = Path(folder) / f"{number:03d}.flac"
        speech.save(path)
        print(f"{path.name}  {speech.duration_s:.2f} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
