"""A run's state on disk: tensors as safetensors, the rest as JSON. No pickle, nothing half-written.

`FOLDER/step-00001000/` holds `tensors.safetensors` and `state.json`; the folder is written under
another name, flushed to the disk, then renamed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from vivavoce.errors import TrainingError
from vivavoce.train import files

VERSION = 1
TENSORS, STATE = "tensors.safetensors", "state.json"


@dataclass(frozen=True)
class Checkpoint:
    """What was saved: named tensors on the CPU and plain data."""

    step: int
    tensors: dict[str, Tensor]
    state: dict[str, Any]


def save(folder: Path, step: int, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> Path:
    """Write one checkpoint. Raises OutputError, leaving nothing, when it cannot be written."""
    target = folder / f"step-{step:08d}"
    with files.whole(target, "Free some space; the earlier checkpoints are intact.") as temporary:
        temporary.mkdir()
        try:
            save_file(_separate(tensors), temporary / TENSORS)
        except SafetensorError as error:
            raise OSError(str(error)) from error
        size = (temporary / TENSORS).stat().st_size
        plain = {"version": VERSION, "step": step, "tensors_size": size, **state}
        (temporary / STATE).write_text(json.dumps(plain, indent=1), encoding="utf-8")
        for path in (temporary / TENSORS, temporary / STATE):
            _flush(path)
    _flush(folder)
    return target


def steps(folder: Path) -> list[int]:
    """The steps that were saved, oldest first."""
    return sorted(int(p.name[5:]) for p in folder.glob("step-*") if p.name[5:].isdigit())


def newest(folder: Path) -> tuple[Checkpoint | None, list[str]]:
    """The newest one that can be read, and a message for each newer one that cannot."""
    messages: list[str] = []
    for step in reversed(steps(folder)):
        try:
            return read(folder, step), messages
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            messages.append(
                f"The checkpoint of step {step} is damaged ({error}); the one before it is used."
            )
    return None, messages


def read(folder: Path, step: int) -> Checkpoint:
    """One checkpoint. Raises OSError, ValueError, KeyError or SafetensorError when damaged."""
    where = folder / f"step-{step:08d}"
    state = json.loads((where / STATE).read_text(encoding="utf-8"))
    if state["version"] != VERSION:
        raise TrainingError(
            f"{where} was written by another version of vivavoce ({state['version']}).",
            "Continue with that version, or start anew in another output folder.",
        )
    size = (where / TENSORS).stat().st_size
    if size != state["tensors_size"]:
        raise ValueError(f"{TENSORS} has {size} bytes of {state['tensors_size']}")
    return Checkpoint(step, load_file(where / TENSORS), state)


def prune(folder: Path, keep: int, best: int | None = None) -> None:
    """Remove all but the newest `keep` and the best, and what an interrupted save left behind."""
    for step in steps(folder)[:-keep]:
        if step != best:
            files.remove(folder / f"step-{step:08d}")
    for left_over in folder.glob(".*-step-*"):
        files.remove(left_over)


def _separate(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """On the CPU, contiguous, and no two in the same memory, as the format demands."""
    out: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, tensor in tensors.items():
        value = tensor.detach().cpu().contiguous()
        memory = value.untyped_storage().data_ptr()
        if memory in seen and value.numel():
            value = value.clone()
        seen.add(value.untyped_storage().data_ptr())
        out[name] = value
    return out


def _flush(path: Path) -> None:
    """Have the operating system put a file, or a folder's names, on the disk."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except PermissionError:  # Windows opens no folders
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
