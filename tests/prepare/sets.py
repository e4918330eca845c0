"""Small recordings and data sets for the tests here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from tests.speechlike import speechlike

RATE = 16_000
FLOOR = 1e-3
SENTENCES = (
    "The quick brown fox jumps over the lazy dog.",
    "Pack my box with five dozen liquor jugs.",
    "How vexingly quick daft zebras jump today.",
    "Sphinx of black quartz, judge my vow at once.",
)
TAKES = ("one", "two", "three", "four", "five")
PROSE = (
    "Am Morgen gingen zwei alte Freunde den schmalen Weg zum Fluss hinunter, ohne viel zu reden,"
    " denn beide dachten an den Sommer davor."
)


def said(text: str, seed: int = 0, level: float = 0.1) -> NDArray[np.float32]:
    """Sound as long as the text takes at 14 characters a second, with quiet at its ends."""
    return talk([len(text) / 14], seed=seed, level=level)


def talk(
    lengths: list[float], gap_s: float = 0.6, seed: int = 0, level: float = 0.1
) -> NDArray[np.float32]:
    """Stretches of speech-like sound over a noise floor, with gaps before, between and behind."""
    rng = np.random.default_rng(seed + 1000)
    gap = np.zeros(round(gap_s * RATE), np.float32)
    parts = [gap]
    for number, seconds in enumerate(lengths):
        speech = speechlike(seconds, RATE, level, 100 * seed + number).samples
        places = np.linspace(0, 1, max(3, round(5 * seconds)))
        stress = 10 ** rng.uniform(-1.0, 0.0, len(places))  # no two sound alike
        outline = np.interp(np.linspace(0, 1, len(speech)), places, stress)
        parts += [(speech * outline).astype(np.float32), gap]
    samples = np.concatenate(parts)
    return samples + (FLOOR * rng.standard_normal(len(samples))).astype(np.float32)


def write(path: Path, samples: NDArray[np.floating], rate: int = RATE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate)
    return path


def sentences(folder: Path, n: int = 4, suffix: str = "wav") -> Path:
    """An LJSpeech-style set: `wavs/clip_0.wav`, … and `metadata.csv`."""
    lines = []
    for i in range(n):
        text = f"{SENTENCES[i % len(SENTENCES)]} Take {TAKES[i % len(TAKES)]}."
        write(folder / "wavs" / f"clip_{i}.{suffix}", said(text, seed=i))
        lines.append(f"clip_{i}|{text}|{text}")
    (folder / "metadata.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def tree(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file with its bytes and its time: what must not change."""
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }
