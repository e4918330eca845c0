"""SIGKILL at every change of a name: what was there before, or what comes after, is there.

`python -m tests.hostile.kill` runs each operation in a child that is killed before the first, the
second, … rename, link, new folder or removal, until one run is not killed. Prints JSON: how many
moments each operation had, and what was wrong.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tests.hostile import honest
from vivavoce import files
from vivavoce.checkpoints import store
from vivavoce.hub import library, voice_file
from vivavoce.train import checkpoint
from vivavoce.types import Voice

EVENTS = ("os.rename", "os.link", "os.mkdir", "os.remove", "os.rmdir")
MANIFEST = {"kind": "acoustic", "family": "glow", "name": "m"}


@dataclass(frozen=True)
class Operation:
    """`do(folder, version)` writes; `look(folder)` gives the version that can be read, or None."""

    do: Callable[[Path, int], Any]
    look: Callable[[Path], int | None]
    first: bool = True
    """Whether version 1 is written before the operation that is killed writes version 2."""


def save_model(folder: Path, version: int) -> None:
    store.save(folder / "m", MANIFEST, {"w": torch.full((50,), float(version))})


def look_at_model(folder: Path) -> int | None:
    return model_of(folder / "m")


def model_of(folder: Path) -> int | None:
    if [path.name for path in files.entries(folder.parent)] != [folder.name]:
        return None
    return int(store.load(folder, verify=True)[1]["w"][0])


def import_model(folder: Path, version: int) -> None:
    os.environ["VIVAVOCE_HOME"] = str(folder / "home")
    source = folder / f"source{version}"
    if not source.exists():
        source.mkdir()
        honest.vocos(source)
    library.import_checkpoint(
        source, "vocos", name=f"v{version}" if version > 2 else "v", replace=True
    )


def look_at_import(folder: Path) -> int | None:
    names = [row.name for row in library.installed() if row.name == "v" and row.installed]
    if names == []:
        return 0
    return 2 if len(library.open_model("v").tensors) > 10 else None


def save_voice(folder: Path, version: int, replace: bool = True) -> None:
    voice = Voice("v", "f5", {"samples": torch.full((9,), float(version))})
    voice_file.save(folder / "v.safetensors", voice, replace)


def look_at_voice(folder: Path) -> int | None:
    shown = [path.name for path in files.entries(folder)]
    if shown == []:
        return 0
    voice = voice_file.load(folder / "v.safetensors")
    return int(voice.tensors["samples"][0]) if shown == ["v.safetensors"] else None


def save_state(folder: Path, version: int) -> None:
    """The second one replaces the first: the same step again."""
    checkpoint.save(folder, 7, {"a": torch.ones(3)}, {"epoch": version})


def look_at_state(folder: Path) -> int | None:
    found, messages = checkpoint.newest(folder)
    return None if found is None or messages else int(found.state["epoch"])


def next_state(folder: Path, version: int) -> None:
    """Another step, and the one before is pruned."""
    checkpoint.save(folder, version, {"a": torch.ones(3)}, {"epoch": version})
    checkpoint.prune(folder, keep=1)


def export(folder: Path, version: int) -> None:
    """As a run exports: a folder that is written by somebody else."""
    with files.atomic_path(folder / "export" / "m") as temporary:
        store.save(temporary, MANIFEST, {"w": torch.full((50,), float(version))})


def look_at_export(folder: Path) -> int | None:
    return model_of(folder / "export" / "m")


def remember(folder: Path, version: int) -> None:
    files.update_json(folder / "cache.json", lambda table: table | {"version": version})


def look_at_cache(folder: Path) -> int | None:
    return files.read_json(folder / "cache.json").get("version")


OPERATIONS = {
    "model": Operation(save_model, look_at_model),
    "import": Operation(import_model, look_at_import, first=False),
    "voice": Operation(save_voice, look_at_voice),
    "new voice": Operation(
        lambda folder, version: save_voice(folder, version, replace=False),
        look_at_voice,
        first=False,
    ),
    "state": Operation(save_state, look_at_state),
    "next state": Operation(next_state, look_at_state),
    "export": Operation(export, look_at_export),
    "cache": Operation(remember, look_at_cache),
}


def killed_at(operation: Operation, folder: Path, moment: int) -> bool:
    """Run the operation in a child that dies before its `moment`-th change; whether it died."""
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        seen = 0

        def count(event: str, _arguments: tuple[Any, ...]) -> None:
            nonlocal seen
            if event not in EVENTS:
                return
            seen += 1
            if seen == moment:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        try:
            operation.do(folder, 2)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status not in (0, signal.SIGKILL):
        raise AssertionError(f"the operation ended with {status}")
    return status == signal.SIGKILL


def moments(operation: Operation, root: Path) -> tuple[int, list[str]]:
    """How many moments there were, and what was wrong after any of them."""
    wrong: list[str] = []
    for moment in range(1, 500):
        folder = root / str(moment)
        folder.mkdir()
        os.environ["VIVAVOCE_HOME"] = str(folder / "home")
        if operation.first:
            operation.do(folder, 1)
        died = killed_at(operation, folder, moment)
        try:
            found = operation.look(folder)
            if found not in ((1, 2) if operation.first else (0, 2)) or (not died and found != 2):
                wrong.append(f"moment {moment}: found {found}")
            if operation.first:
                operation.do(folder, 2)
                left = sorted(p.name for p in folder.rglob(".*"))
                if operation.look(folder) != 2 or left:
                    wrong.append(f"moment {moment}: afterwards {operation.look(folder)}, {left}")
        except Exception as error:
            wrong.append(f"moment {moment}: {type(error).__name__}: {error}")
        if not died:
            return moment - 1, wrong
    return 0, ["it never ended"]


def once_before(operation: Operation, folder: Path) -> None:
    """Imports what the operation needs, which its children need not do again."""
    folder.mkdir()
    os.environ["VIVAVOCE_HOME"] = str(folder / "home")
    operation.do(folder, 2)


def main() -> int:
    results: dict[str, Any] = {}
    memory = Path("/dev/shm")  # where the disk need not be waited for
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as root:
        for name, operation in OPERATIONS.items():
            folder = Path(root) / name.replace(" ", "-")
            folder.mkdir()
            once_before(operation, folder / "before")
            count, wrong = moments(operation, folder)
            results[name] = {"moments": count, "wrong": wrong}
    print(json.dumps(results))
    return int(any(result["wrong"] for result in results.values()))


if __name__ == "__main__":
    sys.exit(main())
