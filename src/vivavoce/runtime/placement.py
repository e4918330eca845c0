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
from vivavoce.runtime.select import Selection, describe

if TYPE_CHECKING:
    import torch

CACHE_FILE = "self-test.json"
VERSION = 3
"""Raised when something else is measured."""

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
    device, kind = selection.device, stage.partition(".")[0]
    found = None if device.type == "cpu" else recall(cache_folder, device, stage)
    if found is None:
        return selection
    free = asked.strip().lower() == "auto"
    if not found.right:
        fault = f"{device.type} {found.fault}"
        if free:
            return _on_cpu(selection, f"{kind} on cpu: {fault}")
        return replace(selection, reason=f"{selection.reason}; warning: {fault}")
    gain = found.gain
    if not free or gain is None or 1 / MIN_GAIN < gain < MIN_GAIN:
        return selection
    if gain < 1:
        return _on_cpu(selection, f"{kind} on cpu: measured {1 / gain:.1f} times faster there")
    told = f"{kind} on {device.type}: measured {gain:.1f} times faster than on the cpu"
    return replace(selection, reason=f"{selection.reason}; {told}")


def recall(cache_folder: Path, device: torch.device, stage: str) -> Measurement | None:
    """What was measured on this machine with this torch; None where nothing (readable) was."""
    found = MeasurementCache(cache_folder / CACHE_FILE).read(_key(device, stage), Measurement)
    return found if found and math.isfinite(found.error + found.tolerance) else None


def remember(
    cache_folder: Path, device: torch.device, stage: str, measured: Measurement | None
) -> None:
    """Keep a measurement, or with None forget it. Raises OutputError."""
    try:
        MeasurementCache(cache_folder / CACHE_FILE).write(_key(device, stage), measured)
    except OutputError as error:
        raise OutputError(error.message, "VIVAVOCE_HOME names another folder.") from error


def machine(device: torch.device) -> str:
    """What a measurement holds for: the device, torch's version, the system's, the chips."""
    import torch

    system = f"{platform.system()} {platform.mac_ver()[0] or platform.release()}"
    chips = [cpu_model()]
    if device.type == "cuda":
        chips.append(describe("cuda", device.index or 0))
    return " | ".join([device.type, f"torch {torch.__version__}", system, *chips])


def _on_cpu(selection: Selection, why: str) -> Selection:
    import torch

    return Selection(torch.device("cpu"), torch.float32, f"{selection.reason}; {why}")


def _key(device: torch.device, stage: str) -> str:
    return f"{stage} | {machine(device)} | v{VERSION}"
