"""A run's state on disk: tensors as safetensors, the rest as JSON. No pickle, nothing half-written.

`FOLDER/step-00001000/` holds `tensors.safetensors` and `state.json` with the checksums of both.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from vivavoce import files
from vivavoce.checkpoints import safetensors_file
from vivavoce.errors import TrainingError, VivavoceError
from vivavoce.limits import Limits, guard, read_bytes

VERSION = 1
TENSORS, STATE = "tensors.safetensors", "state.json"
ADVICE = "Free some space; the earlier checkpoints are intact."
OWN = Limits(bytes=1 << 30, objects=50_000_000, seconds=600)
"""For files that we wrote: a state holds the order of the data, which may be long."""
_NAME = re.compile(r"step-([0-9]{8,15})")


@dataclass(frozen=True)
class SavedState:
    """What was saved: named tensors on the CPU, views of the mapped file, and plain data."""

    step: int
    tensors: dict[str, Tensor]
    state: dict[str, Any]


def save(folder: Path, step: int, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> Path:
    """Write one checkpoint. Raises OutputError, leaving nothing, when it cannot be written."""
    target = folder / f"step-{step:08d}"
    with files.atomic_path(target, flush=True, advice=ADVICE) as temporary:
        temporary.mkdir()
        kinds = {name: (tensor.dtype, tensor.shape) for name, tensor in tensors.items()}
        file = temporary / TENSORS
        safetensors_file.write(file, kinds, lambda name: tensors[name].detach().cpu().contiguous())
        plain = {"version": VERSION, "step": step, "tensors_size": file.stat().st_size, **state}
        plain["tensors_sha256"] = _sha256(file)
        plain = json.loads(json.dumps(plain))  # as it will be read: keys are text
        plain["state_sha256"] = _digest(plain)
        (temporary / STATE).write_text(json.dumps(plain, indent=1), encoding="utf-8")
    return target


def steps(folder: Path) -> list[int]:
    """The steps that were saved, oldest first; other files and folders do not count."""
    matches = (_NAME.fullmatch(path.name) for path in files.entries(folder) if path.is_dir())
    found = (int(match[1]) for match in matches if match)
    return sorted(step for step in found if (folder / f"step-{step:08d}").is_dir())


def newest(folder: Path) -> tuple[SavedState | None, list[str]]:
    """The newest one that can be read, and a message for each newer one that cannot."""
    messages: list[str] = []
    for step in reversed(steps(folder)):
        try:
            return read(folder, step), messages
        except TrainingError:
            raise
        except VivavoceError as error:
            messages.append(f"The checkpoint of step {step} is damaged and was skipped: {error}")
    return None, messages


def read(folder: Path, step: int) -> SavedState:
    """One checkpoint. Raises BadCheckpoint (damaged), TrainingError (of another version)."""
    where = folder / f"step-{step:08d}"
    with guard(where / STATE, advice=""):
        state = json.loads(read_bytes(where / STATE, OWN))
        version, digest = state["version"], state.pop("state_sha256", None)
        if version != VERSION and (digest is None or digest == _digest(state)):
            raise TrainingError(
                f"{where} was written by another version of vivavoce ({version}).",
                "Continue with that version, or start again in another output folder.",
            )
        if digest is not None and digest != _digest(state):
            raise ValueError("its checksum differs")
    with guard(where / TENSORS, advice=""):
        size = (where / TENSORS).stat().st_size
        if size != state["tensors_size"]:
            raise ValueError(f"it has {size} bytes of {state['tensors_size']}")
        # States of earlier versions have no checksums.
        if state.get("tensors_sha256") not in (None, _sha256(where / TENSORS)):
            raise ValueError("its checksum differs")
    tensors, _ = safetensors_file.read(where / TENSORS, OWN)
    return SavedState(step, tensors, state)


def prune(folder: Path, keep: int, best: int | None = None, newest: int | None = None) -> None:
    """Remove all but the last `keep` up to step `newest`, and the best.

    Those after `newest` stay and do not count: they were found damaged, and the run is before them.
    """
    reached = [step for step in steps(folder) if newest is None or step <= newest]
    for step in reached[:-keep]:
        if step != best:
            files.remove(folder / f"step-{step:08d}")


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _digest(state: Mapping[str, Any]) -> str:
    """Of the state's content, whatever its layout; numbers survive JSON exactly."""
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()
