"""What a run leaves to look at: a JSONL file, TensorBoard events, sounds and pictures.

Metrics stay on the device until they are asked for.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vivavoce import files
from vivavoce.audio import io
from vivavoce.errors import MissingExtra, OutputError
from vivavoce.train import picture
from vivavoce.types import Audio


class MetricMeter:
    """Means of scalar metrics over an interval, summed on their device: adding never waits."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}

    def add(self, metrics: Mapping[str, Tensor], weight: int = 1) -> None:
        for name, value in metrics.items():
            value = value.detach().float().reshape(()) * weight
            self._sums[name] = self._sums[name] + value if name in self._sums else value
            self._counts[name] = self._counts.get(name, 0) + weight

    def means(self) -> dict[str, Tensor]:
        """The means so far, still on the device."""
        return {name: total / self._counts[name] for name, total in self._sums.items()}

    def take(self) -> dict[str, float]:
        """The means since the last time, as plain numbers."""
        means = {name: total / self._counts[name] for name, (total, _) in self.state().items()}
        self._sums, self._counts = {}, {}
        return means

    def state(self) -> dict[str, tuple[float, int]]:
        """Sum and count of each; float32 sums survive as plain numbers exactly."""
        if not self._sums:
            return {}
        first = next(iter(self._sums.values()))
        values = torch.stack([v.to(first.device) for v in self._sums.values()]).tolist()
        return {name: (v, self._counts[name]) for name, v in zip(self._sums, values, strict=True)}

    def load(self, state: Mapping[str, tuple[float, int]], device: torch.device) -> None:
        self._sums = {k: torch.tensor(total, device=device) for k, (total, _) in state.items()}
        self._counts = {k: count for k, (_, count) in state.items()}


class RunLog:
    """`metrics.jsonl`, one record a line, written through at once; and TensorBoard's events.

    `tensorboard` None means: when it is installed. Raises MissingExtra when it is asked for and
    not installed, OutputError when something cannot be written.
    """

    def __init__(self, folder: Path, first_step: int, tensorboard: bool | None) -> None:
        self.folder = folder
        self.file = folder / "metrics.jsonl"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _rewind(self.file, first_step)
            self._board = _board(folder / "events", first_step, tensorboard)
            self._stream = self.file.open("a", encoding="utf-8")
        except OSError as error:
            raise _unwritable(folder, error) from error

    def record(self, kind: str, step: int, values: Mapping[str, Any]) -> None:
        """One line: `{"kind": ..., "step": ..., values}`; numbers go to TensorBoard as well."""
        line = json.dumps({"kind": kind, "step": step, **{k: _json(v) for k, v in values.items()}})
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
            if self._board is not None:
                for name, value in values.items():
                    if isinstance(value, (int, float)):
                        self._board.add_scalar(f"{kind}/{name}", value, step)
        except OSError as error:
            raise _unwritable(self.file, error) from error

    def samples(self, step: int, name: str, found: Mapping[str, Tensor], sample_rate: int) -> None:
        """Write `*.audio` as wav and `*.image` as png under `samples/step-N/`."""
        folder = self.folder / "samples" / f"step-{step:08d}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(folder, error) from error
        for key, value in found.items():
            stem, _, kind = key.rpartition(".")
            label = f"{name}-{stem}"
            value = value.detach().float().cpu()
            if kind == "audio":
                samples = value.nan_to_num().clamp(-1, 1)
                io.write(folder / f"{label}.wav", Audio(samples.numpy(), sample_rate))
                if self._board is not None:
                    self._board.add_audio(label, samples[None], step, sample_rate)
            elif kind == "image":
                pixels = picture.colour(value.numpy())
                picture.write_png(folder / f"{label}.png", pixels)
                if self._board is not None:
                    self._board.add_image(label, pixels, step, dataformats="HWC")

    def close(self) -> None:
        """What could not be written, and was said, is lost."""
        with suppress(OSError):
            self._stream.close()
        with suppress(OSError):
            if self._board is not None:
                self._board.close()


def described(stage: str, metrics: Mapping[str, float]) -> str:
    """A stage and its metrics in one line: "train loss=0.5"."""
    return " ".join([stage, *(f"{name}={value:.4g}" for name, value in metrics.items())])


def _json(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _rewind(file: Path, first_step: int) -> None:
    """Forget what a killed run logged after its last checkpoint: those steps come again."""
    if not file.exists():
        return
    kept = []
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            if json.loads(line)["step"] <= first_step:
                kept.append(line + "\n")
        except (ValueError, KeyError):
            continue
    with files.atomic_path(file) as temporary:
        temporary.write_text("".join(kept), encoding="utf-8")


def _board(folder: Path, first_step: int, wanted: bool | None) -> Any:
    if wanted is False:
        return None
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        if wanted:
            raise MissingExtra(
                "TensorBoard is not installed.",
                "Install vivavoce[train], or leave log.tensorboard out.",
            ) from error
        return None
    return SummaryWriter(str(folder), purge_step=first_step + 1)


def _unwritable(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"Cannot write {path}: {error.strerror}.", "Check its permissions and space."
    )
