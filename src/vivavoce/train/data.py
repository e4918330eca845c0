"""Rows of a manifest -> padded batches."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from vivavoce.errors import AudioError, TextError, TrainingError, UnknownFormat
from vivavoce.nn.task import Batch, Task
from vivavoce.train import manifest
from vivavoce.train.cache import FeatureCache
from vivavoce.train.manifest import ManifestRow
from vivavoce.train.prosody import Prosody
from vivavoce.train.recipe import DataConfig
from vivavoce.types import OnProgress, Tokens, no_progress

SAME_S = 0.02
"""A recording and its periodic part may differ by so much in length."""


@dataclass(frozen=True)
class Example:
    """An utterance ready for batches. `seconds` is its whole length, `text` what it says."""

    id: str
    audio: Path
    seconds: float
    speaker: int
    tokens: tuple[int, ...] = ()
    prosody: Prosody | None = None
    given_features: Path | None = None
    periodic: Path | None = None
    text: str = ""
    held_out: bool = False


@dataclass(frozen=True)
class Data:
    """The utterances of a run, and how to make batches of them."""

    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    cache: FeatureCache
    segment_frames: int | None
    bucket: Callable[[int], int] = int
    """The length to pad to, for devices that would rather not meet every length there is."""

    @property
    def fingerprint(self) -> str:
        """Changes with the utterances, their order and their lengths."""
        text = "\n".join(f"{e.id} {e.seconds} {e.speaker} {e.tokens}" for e in self.train)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def length_s(self, example: Example) -> float:
        """What an utterance counts in a batch: a crop's length where there are crops."""
        if self.segment_frames is None:
            return example.seconds
        return self.segment_frames / self.cache.spec.frame_rate

    def batch(self, examples: Sequence[Example], seed: Sequence[int] | None) -> Batch:
        """Padded tensors. `seed` decides where crops lie; None takes whole utterances."""
        rng = None if seed is None else np.random.default_rng(seed)
        rows = [self._row(example, rng) for example in examples]
        crop = 0 if rng is None else self.segment_frames or 0
        samples = crop * self.cache.spec.hop_length
        fixed = {"features": crop, "samples": samples, "periodic": samples}
        if "samples" in self.cache.needs and crop:
            fixed |= dict.fromkeys(("given_features", "pitch", "phase"), crop + 1)
        batch = {"speakers": torch.tensor([e.speaker for e in examples])}
        for name in rows[0]:
            values = [row[name] for row in rows]
            longest = max(v.shape[-1] for v in values)
            batch[name] = pad(values, fixed.get(name) or self.bucket(longest))
            batch[f"{name.removesuffix('s')}_lengths"] = torch.tensor([v.shape[-1] for v in values])
        return batch

    def _row(self, example: Example, rng: np.random.Generator | None) -> dict[str, np.ndarray]:
        row: dict[str, np.ndarray] = {}
        needs, hop = self.cache.needs, self.cache.spec.hop_length
        if "tokens" in needs:
            row["tokens"] = np.asarray(example.tokens, dtype=np.int64)
        if "features" in needs:
            row["features"] = self.cache.features(example.audio)
        if "samples" in needs:
            row["samples"] = self.cache.samples(example.audio)
        if "periodic" in needs and example.periodic is not None:
            row["periodic"] = self.cache.samples(example.periodic)
        if "given_features" in needs and example.given_features is not None:
            row["given_features"] = np.load(example.given_features, mmap_mode="r")
        for kind in self.cache.derived:
            row[kind] = self.cache.values(example.audio, kind)
        self._add_prosody(row, example)
        if rng is None or self.segment_frames is None:
            return row
        frames = len(row["samples"]) // hop if "samples" in row else row["features"].shape[1]
        start = int(rng.integers(max(0, frames - self.segment_frames) + 1))
        end = start + self.segment_frames
        for name in ("features", "given_features", "pitch", "phase"):
            if name in row:  # samples cut at frames a and b hold the centres of both
                last = end + 1 if "samples" in row and name != "features" else end
                row[name] = row[name][..., start:last]
        for name in ("samples", "periodic"):
            if name in row:
                row[name] = row[name][start * hop : end * hop]
        return row

    def _add_prosody(self, row: dict[str, np.ndarray], example: Example) -> None:
        needs, spec = self.cache.needs, self.cache.spec
        if example.prosody is None:
            return
        if "features" in row:
            n_frames = row["features"].shape[1]
        else:
            n_frames = len(row["samples"]) // spec.hop_length + 1
        if "durations" in needs:
            row["durations"] = example.prosody.frames(spec)
        if "pitch" in needs:
            row["pitch"] = example.prosody.pitch(spec, n_frames)
        if "phase" in needs:
            row["phase"] = example.prosody.phase(spec, n_frames)


def speakers(rows: Sequence[ManifestRow]) -> tuple[str, ...]:
    """The names in the manifests, sorted; empty when none is named."""
    names = {row.speaker for row in rows}
    return () if names == {""} else tuple(sorted(names))


def measure(
    rows: Sequence[ManifestRow],
    cache: FeatureCache,
    workers: int,
    on_progress: OnProgress = no_progress,
) -> list[float]:
    """Fill the cache; the recordings' lengths in seconds.

    Raises TrainingError naming each row whose recording cannot be used.
    """
    problems: list[str] = []
    lengths: list[float] = []
    with ThreadPoolExecutor(workers) as pool:
        for seconds in pool.map(lambda row: _measure(row, cache, problems), rows):
            lengths.append(seconds)
            on_progress(len(lengths), len(rows), "prepare")
    manifest.report(problems)
    return lengths


def prepare(
    rows: Sequence[ManifestRow],
    config: DataConfig,
    task: Task,
    cache: FeatureCache,
    workers: int,
    on_progress: OnProgress = no_progress,
) -> Data:
    """Check every text, fill the cache, drop what is too short or too long, split off validation.

    Raises TrainingError naming each row whose text or recording cannot be used.
    """
    problems: list[str] = []
    encoded = [_encode(row, task, problems) for row in rows]
    manifest.report(problems)
    lengths = measure(rows, cache, workers, on_progress)
    numbers = {name: i for i, name in enumerate(speakers(rows))}
    kept = [
        Example(
            row.id,
            row.audio,
            seconds,
            numbers.get(row.speaker, 0),
            ids,
            row.prosody,
            row.features,
            row.periodic,
            row.text,
            row.held_out,
        )
        for row, ids, seconds in zip(rows, encoded, lengths, strict=True)
        if config.min_s <= seconds <= config.max_s
    ]
    _derive(kept, task, cache, on_progress)
    validation = _validation(kept, config.validation)
    names = {e.id for e in validation}
    train = tuple(e for e in kept if e.id not in names)
    if not train:
        raise TrainingError(
            f"No utterance is left to train on: {len(rows)} rows, {len(kept)} between "
            f"{config.min_s} and {config.max_s} s, {len(validation)} for validation.",
            "Check data.min_s, data.max_s and data.validation.",
        )
    return Data(train, validation, cache, task.segment_frames)


def pad(values: Sequence[np.ndarray], length: int) -> torch.Tensor:
    """Arrays that differ in their last dimension -> one tensor, zeros up to `length`."""
    out = np.zeros((len(values), *values[0].shape[:-1], length), dtype=values[0].dtype)
    for i, value in enumerate(values):
        out[i, ..., : value.shape[-1]] = value
    return torch.from_numpy(out)


def _encode(row: ManifestRow, task: Task, problems: list[str]) -> tuple[int, ...]:
    if row.prosody is None and task.needs & {"durations", "pitch", "phase"}:
        problems.append(f"{row.where}: it has no tokens, durations_s and pitch_hz")
        return ()
    if row.features is None and "given_features" in task.needs:
        problems.append(f"{row.where}: it has no features made by a model")
        return ()
    if row.periodic is None and "periodic" in task.needs:
        problems.append(f"{row.where}: it has no sound of the pulses alone ('periodic')")
        return ()
    if "tokens" not in task.needs:
        return ()
    if row.prosody is not None:
        return row.prosody.tokens
    try:
        tokens: Tokens = task.encode_row(row.text, row.language)
    except TextError as error:
        problems.append(f"{row.where}: {error.message}")
        return ()
    if tokens.unknown:
        shown = " ".join(repr(c) for c in tokens.unknown)
        problems.append(f"{row.where}: the text has unknown characters: {shown}")
    elif not len(tokens):
        problems.append(f"{row.where}: nothing of the text can be spoken")
    return tokens.ids


def _measure(row: ManifestRow, cache: FeatureCache, problems: list[str]) -> float:
    try:
        seconds = cache.prepare(row.audio)
        if row.periodic is not None and "periodic" in cache.needs:
            its = cache.prepare(row.periodic)
            if abs(its - seconds) > SAME_S:
                problems.append(
                    f"{row.where}: {row.periodic.name} lasts {its:.3f} s, the recording "
                    f"{seconds:.3f} s"
                )
        return seconds
    except (AudioError, UnknownFormat) as error:
        problems.append(f"{row.where}: {error.message}")
        return 0.0


def _derive(
    examples: Sequence[Example], task: Task, cache: FeatureCache, on_progress: OnProgress
) -> None:
    """What the task makes of recordings, once. Raises TrainingError naming each that it refuses."""
    problems: list[str] = []
    for n, example in enumerate(examples if cache.derived else (), 1):
        try:
            cache.derive(example.audio, task.derive)
        except AudioError as error:
            problems.append(f"{example.audio}: {error.message}")
        on_progress(n, len(examples), "prepare")
    manifest.report(problems)


def _validation(kept: list[Example], wanted: int | tuple[str, ...]) -> tuple[Example, ...]:
    """Those named; else those that the manifest holds out, or so many spread evenly over it."""
    if not isinstance(wanted, int):
        return tuple(e for e in kept if manifest.matches(e.id, wanted))
    if wanted <= 0 or len(kept) < 2:
        return ()
    if held_out := tuple(e for e in kept if e.held_out):
        return held_out
    count = min(wanted, len(kept) // 2)
    return tuple(kept[i * len(kept) // count] for i in range(count))
