"""Where a stage of speech runs: what the self-test measured here, kept, and what follows from it.

Plain data about stages by name ("vocoder.vocos").
"""

from __future__ import annotations

import math
import platform
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from vivavoce.errors import OutputError
from vivavoce.runtime.measurements import MeasurementCache, cpu_model
from vivavoce.runtime.select import Selection, describe, mlx_absence, mlx_selection

if TYPE_CHECKING:
    import torch

CACHE_FILE = "self-test.json"
VERSION = 3
"""Raised when something else is measured."""

MLX = "mlx"
MIN_GAIN = 1.1
"""The CPU must be this many times as fast to be preferred: less is within what runs differ by."""


@dataclass(frozen=True)
class Measurement:
    """A stage on a device against the same stage on the CPU.

    `error` is the largest difference of their outputs and `tolerance` what is allowed, both
    relative to the outputs' peak. `failure` says why there is no such number.
    `cpu_s` and `device_s` are medians in seconds, None where no time was taken. `lower_fault` says
    what is wrong with work in lower formats there, which is no reason to leave the device.
    """

    error: float = 0.0
    tolerance: float = 0.0
    failure: str = ""
    cpu_s: float | None = None
    device_s: float | None = None
    lower_fault: str = ""

    @property
    def right(self) -> bool:
        return not self.failure and 0 <= self.error <= self.tolerance

    @property
    def fault(self) -> str:
        """What is to be said of a device that is not right."""
        if self.failure:
            return f"failed the self-test ({self.failure})"
        return f"gave wrong numbers in the self-test ({self.error:.1g})"

    @property
    def gain(self) -> float | None:
        """How many times as fast as the CPU the device was."""
        if not self.cpu_s or not self.device_s:
            return None
        return self.cpu_s / self.device_s


def place(stage: str, asked: str, selection: Selection, cache_folder: Path) -> Selection:
    """Where `stage` ("acoustic.glow") is to run, given the device that was selected for all.

    "auto" leaves a device that was measured to be wrong or slower than the CPU; another `asked` is
    obeyed, with a warning in the reason where the self-test failed. Without a measurement the
    selection stays as it is.
    """
    kind, where = stage.partition(".")[0], MLX if selection.engine == MLX else selection.device
    name = where if isinstance(where, str) else where.type
    found = None if name == "cpu" else recall(cache_folder, where, stage)
    if found is None:
        return selection
    free = asked.strip().lower() == "auto"
    if not found.right:
        fault = f"{name} {found.fault}"
        if free:
            return _on_cpu(selection, f"{kind} on cpu: {fault}")
        return replace(selection, reason=f"{selection.reason}; warning: {fault}")
    gain = found.gain
    if not free or gain is None or 1 / MIN_GAIN < gain < MIN_GAIN:
        return selection
    if gain < 1:
        return _on_cpu(selection, f"{kind} on cpu: measured {1 / gain:.1f} times faster there")
    told = f"{kind} on {name}: measured {gain:.1f} times faster than on the cpu"
    return replace(selection, reason=f"{selection.reason}; {told}")


def place_pair(
    stages: tuple[str, str], asked: str, selection: Selection, cache_folder: Path
) -> tuple[Selection, Selection]:
    """As `place`, for the two stages of one engine.

    "auto" takes MLX for a stage where the self-test found it right and faster than the CPU. MPS and
    MLX are never together: the pair that was measured to be faster in sum is taken, and without a
    measurement of the others the one without MLX.
    """
    first, second = (place(stage, asked, selection, cache_folder) for stage in stages)
    if asked.strip().lower() != "auto" or selection.device.type == "cuda":
        return first, second
    on_mlx = [_faster_on_mlx(stage, cache_folder) for stage in stages]
    if not any(on_mlx):
        return first, second
    rest = [_on_cpu(one, "mlx beside it") if one.device.type == "mps" else one
            for one in (first, second)]  # fmt: skip
    pair = on_mlx[0] or rest[0], on_mlx[1] or rest[1]
    spent = [
        sum(_seconds(stage, one, cache_folder) for stage, one in zip(stages, places, strict=True))
        for places in ((first, second), pair)
    ]
    return pair if spent[1] < spent[0] else (first, second)


def _faster_on_mlx(stage: str, cache_folder: Path) -> Selection | None:
    """MLX for a stage that it does right and faster than the CPU, as measured here."""
    if mlx_absence():
        return None
    found = recall(cache_folder, MLX, stage)
    if found is None or not found.right or not found.gain or found.gain < MIN_GAIN:
        return None
    chosen = mlx_selection()
    told = f"{stage.partition('.')[0]} on mlx: measured {found.gain:.1f} times faster than the cpu"
    return replace(chosen, reason=f"{chosen.reason}; {told}")


def _seconds(stage: str, where: Selection, cache_folder: Path) -> float:
    """What a stage took there; nothing is faster than what was never measured."""
    if where.name != "cpu":
        found = recall(cache_folder, MLX if where.engine == MLX else where.device, stage)
        return found.device_s if found and found.device_s else 0.0
    found = recall(cache_folder, MLX, stage)
    return found.cpu_s if found and found.cpu_s else 0.0


def recall(cache_folder: Path, device: torch.device | str, stage: str) -> Measurement | None:
    """What was measured on this machine with this torch; None where nothing (readable) was."""
    found = MeasurementCache(cache_folder / CACHE_FILE).read(_key(device, stage), Measurement)
    return found if found and math.isfinite(found.error + found.tolerance) else None


def remember(
    cache_folder: Path, device: torch.device | str, stage: str, measured: Measurement | None
) -> None:
    """Keep a measurement, or with None forget it. Raises OutputError."""
    try:
        MeasurementCache(cache_folder / CACHE_FILE).write(_key(device, stage), measured)
    except OutputError as error:
        raise OutputError(error.message, "VIVAVOCE_HOME names another folder.") from error


def machine(device: torch.device | str) -> str:
    """What a measurement holds for: the device, torch's or MLX's version, the system's, the chips.

    `device` is torch's, or "mlx".
    """
    import torch

    system = f"{platform.system()} {platform.mac_ver()[0] or platform.release()}"
    chips = [cpu_model()]
    if isinstance(device, str):
        from vivavoce.runtime.mlx import version

        return " | ".join([device, f"mlx {version()}", system, *chips])
    if device.type == "cuda":
        chips.append(describe("cuda", device.index or 0))
    return " | ".join([device.type, f"torch {torch.__version__}", system, *chips])


def _on_cpu(selection: Selection, why: str) -> Selection:
    import torch

    return Selection(torch.device("cpu"), torch.float32, f"{selection.reason}; {why}")


def _key(device: torch.device | str, stage: str) -> str:
    return f"{stage} | {machine(device)} | v{VERSION}"
