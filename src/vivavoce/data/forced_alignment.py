"""When each token of a text is said in its recording, and at what pitch, for `forward` to learn.

A model that times its words says the text; dynamic time warping lays its mel on the recording's
(Sakoe and Chiba 1978, symmetric steps). Shapes: M mels, T frames of the model, U of the recording,
L tokens, C cepstral values.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from vivavoce import files
from vivavoce.audio import features, io, pitch
from vivavoce.errors import TextError, TrainingError, UsageError
from vivavoce.models.base import sentences
from vivavoce.nn.noise import Noise
from vivavoce.train import manifest
from vivavoce.train.manifest import ManifestRow
from vivavoce.train.recipe import DataSource
from vivavoce.types import Audio, OnProgress, Tokens, no_progress

if TYPE_CHECKING:
    from vivavoce.speech.engine import TTS

Floats = NDArray[np.float64]

N_CEPSTRA = 20
QUIETEST = 9.0
"""Nepers below the loudest band at which a mel counts as silent: rooms and noise differ there."""

STRANGE = 6.0
"""A clip whose misfit is so many median deviations above the median is left out: its text is likely
wrong."""

PACE = (0.4, 2.5)
"""The recording's length over the model's: outside of it a clip is left out."""


@dataclass(frozen=True)
class Alignment:
    """`seconds` of each token `[L]`, and the mean distance of frames laid together."""

    tokens: Tokens
    seconds: Floats
    misfit: float
    pace: float


@dataclass(frozen=True)
class AlignedSet:
    """`rejected` is (id, reason) of clips that were left out."""

    path: Path
    clips: int
    minutes: float
    rejected: tuple[tuple[str, str], ...]

    def summary(self) -> dict[str, Any]:
        return {
            "manifest": str(self.path),
            "clips": self.clips,
            "minutes": round(self.minutes, 1),
            "left_out": dict(self.rejected),
        }


def align(
    source: DataSource, output: Path, tts: TTS, on_progress: OnProgress = no_progress
) -> AlignedSet:
    """Write `output`, a `jsonl` manifest of the clips of `source` with tokens, times and pitch.

    `tts` holds the model that says the texts: one that times its words (`forward`, `glow`).
    Raises UsageError for another model, TrainingError if no clip is left.
    """
    if not tts.model.traits.times_words:
        raise UsageError(
            f"{tts.model.family} does not produce word timings.", "Choose a model such as linnet."
        )
    rows = manifest.read([source])
    made: list[tuple[ManifestRow, dict[str, Any], Alignment]] = []
    rejected: list[tuple[str, str]] = []
    for done, row in enumerate(rows, 1):
        try:
            audio = io.read(row.audio, sample_rate=tts.model.spec.sample_rate)
            found = locate(tts, row.text, audio)
        except TextError as problem:
            rejected.append((row.id, str(problem)))
        else:
            made.append((row, _record(row, audio, found), found))
        on_progress(done, len(rows), "align")
    limit = _limit([found.misfit for _, _, found in made])
    kept, seconds = [], 0.0
    for row, record, found in made:
        reason = _strange(found, limit)
        if reason:
            rejected.append((row.id, reason))
            continue
        kept.append(record)
        seconds += float(found.seconds.sum())
    if not kept:
        raise TrainingError(f"No clip of {source.path} fits its text.", "Check the texts.")
    files.write_text(output, "".join(_lines(kept)))
    return AlignedSet(output, len(kept), seconds / 60, tuple(rejected))


@torch.inference_mode()
def locate(tts: TTS, text: str, audio: Audio) -> Alignment:
    """Where each token of `text` lies in `audio`. Raises TextError when nothing can be spoken."""
    model = tts.model
    voice, options = model.voice(), model.options_type()
    tokens = model.tokenise(text, voice, options)
    said = next(iter(model.generate(sentences([tokens], voice, options), Noise(0))))
    if said.durations is None:
        raise UsageError(
            f"{model.family} returned no phoneme durations.", "Choose a model such as linnet."
        )
    given = said.durations[0, : len(tokens)].double().cpu().numpy()
    ours = cepstra(said.values[0, :, : int(said.lengths[0])].double().cpu().numpy())
    samples = torch.from_numpy(np.ascontiguousarray(audio.samples))[None]
    theirs = cepstra(features.extract(samples, model.spec)[0].double().numpy())
    path, cost = warp(distances(ours, theirs))
    ends = _crossings(path, np.cumsum(given) - 0.5)  # a token of 1.2 frames held 2 or 1
    seconds = np.diff(ends, prepend=0.0) / model.spec.frame_rate
    total = len(audio.samples) / audio.sample_rate
    seconds[-1] = max(0.0, total - float(seconds[:-1].sum()))
    return Alignment(tokens, seconds, cost, theirs.shape[0] / ours.shape[0])


def cepstra(mel: Floats) -> Floats:
    """Log-mel `[M, T]` to mean-free cepstra and their slopes `[T, 2C]`."""
    mel = np.maximum(mel, mel.max() - QUIETEST)
    bands = (np.arange(mel.shape[0]) + 0.5) * (math.pi / mel.shape[0])
    base = np.cos(np.arange(N_CEPSTRA)[:, None] * bands) * (2 / mel.shape[0])
    values = (base @ mel).T
    values -= values.mean(axis=0)
    slopes = np.gradient(values, axis=0) if len(values) > 1 else np.zeros_like(values)
    return np.concatenate([values, 2 * slopes], axis=1)


def distances(ours: Floats, theirs: Floats) -> Floats:
    """Euclidean `[T, U]`."""
    squares = np.square(ours).sum(1)[:, None] + np.square(theirs).sum(1) - 2 * ours @ theirs.T
    return np.sqrt(np.maximum(squares, 0))


def warp(cost: Floats) -> tuple[NDArray[np.int64], float]:
    """The cheapest path through `cost` `[T, U]`, pairs of frames `[P, 2]`, and its mean cost.

    A step in both directions counts twice, so that no direction is cheaper than another.
    """
    rows, columns = cost.shape
    total = np.full((rows + 1, columns + 1), np.inf)
    total[0, 0] = 0.0
    for diagonal in range(rows + columns - 1):
        i = np.arange(max(0, diagonal - columns + 1), min(rows, diagonal + 1))
        j = diagonal - i
        here = cost[i, j]
        straight = np.minimum(total[i, j + 1], total[i + 1, j]) + here
        total[i + 1, j + 1] = np.minimum(straight, total[i, j] + 2 * here)
    path = [(rows - 1, columns - 1)]
    while path[-1] != (0, 0):
        i, j = path[-1]
        steps = ((i - 1, j - 1, 2), (i - 1, j, 1), (i, j - 1, 1))  # outside, `total` is infinite
        best = min(steps, key=lambda step: total[step[0] + 1, step[1] + 1] + step[2] * cost[i, j])
        path.append(best[:2])
    return np.array(path[::-1]), float(total[rows, columns] / (rows + columns))


def _crossings(path: NDArray[np.int64], ends: Floats) -> Floats:
    """The recording's time, in frames, at which each of the model's `ends` `[L]` is reached."""
    frames, first = np.unique(path[:, 0], return_index=True)
    last = np.append(first[1:], len(path)) - 1
    middle = (path[first, 1] + path[last, 1]) / 2
    return np.maximum.accumulate(np.interp(ends, frames, middle))


def _limit(misfits: list[float]) -> float:
    middle = float(np.median(misfits)) if misfits else 0.0
    spread = float(np.median(np.abs(np.array(misfits) - middle))) if misfits else 0.0
    return middle + STRANGE * max(spread, 0.02 * middle)


def _strange(found: Alignment, limit: float) -> str:
    """Why a clip is left out; empty where it is kept."""
    if not PACE[0] <= found.pace <= PACE[1]:
        return f"it is {found.pace:.2f} times as long as its text"
    if found.misfit > limit:
        return f"it does not sound like its text (misfit {found.misfit:.2f}, limit {limit:.2f})"
    return ""


def _record(row: ManifestRow, audio: Audio, found: Alignment) -> dict[str, Any]:
    melody = pitch.melody(audio)
    record: dict[str, Any] = {
        "id": row.id,
        "audio": str(row.audio.resolve()),
        "text": row.text,
        "tokens": [int(token) for token in found.tokens.ids],
        "durations_s": [round(float(value), 4) for value in found.seconds],
        "pitch_hz": [round(float(value), 1) for value in melody.pitch_hz],
        "cycles": [round(float(value), 3) for value in melody.cycles],
    }
    if row.speaker:
        record["speaker"] = row.speaker
    if row.held_out:
        record["split"] = "validation"
    return record


def _lines(records: list[dict[str, Any]]) -> Iterator[str]:
    for record in records:
        yield json.dumps(record, ensure_ascii=False) + "\n"
