"""`python -m mpsaudit.worker JOB.json`: one strict run, in a process of its own.

Installs the stand-in device before anything else touches torch, runs the target, and writes what
it finds as JSON lines while it goes, so that a crash loses nothing. strict.py starts it.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import torch

from mpsaudit import place as places
from mpsaudit.device_standin import standin
from mpsaudit.findings import Finding
from mpsaudit.table import Table
from vivavoce.errors import VivavoceError

DEVICE = "mps:0"
# What torch says when tensors are where, or what, a device does not take.
_DEVICE_WORDS = ("mps", "same device", "Placeholder storage", "weight type", "indices should be")


class Lines:
    """Findings as JSON lines, each operator, reason and place once; the counts at the end."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._counts: dict[tuple[Any, ...], int] = {}

    def record(self, finding: Finding) -> None:
        f = finding
        key = (f.operator, f.severity, f.reason, f.place, f.backward)
        self._counts[key] = self._counts.get(key, 0) + 1
        if self._counts[key] == 1:
            self.write(finding=asdict(finding))

    def finish(self, operators: set[str]) -> None:
        self.write(counts=list(self._counts.values()), operators=sorted(operators))

    def write(self, **line: Any) -> None:
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()


def resolve(target: str) -> Any:
    """What `module:name` means: a function of no arguments, or a workload of the module.

    A workload is named by its key in the module's `workloads()`. Raises LookupError, in words.
    """
    module_name, _, name = target.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise LookupError(f"'{module_name}' cannot be imported ({error}).") from error
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is None and hasattr(module, "workloads"):
        found = module.workloads().get(name)
    if found is None:
        raise LookupError(f"{module_name} has no '{name}', nor a workload of that name.")
    return found


def run(job: dict[str, Any], lines: Lines) -> None:
    names = {
        key: frozenset(value) for key, value in job["table"].items() if isinstance(value, list)
    }
    table = Table(**{**job["table"], **names})
    macos = job["macos"]
    device = standin(
        table, macos, wrong=job["wrong"], record=lines.record, cache=Path(job["cache"])
    )
    if job["default_device"]:
        torch.set_default_device(DEVICE)
    try:
        work = resolve(job["target"])
    except LookupError as error:
        lines.write(unknown=error.args[0])
        return
    try:
        (work.build(DEVICE) if hasattr(work, "build") else work)()
    except Exception as error:  # noqa: BLE001 - whatever the target raises is told to the parent
        lines.write(**_told(error, macos))
    lines.finish(device.reached())


def _told(error: Exception, macos: str) -> dict[str, Any]:
    """A finding if the device refused, else a failure of the target's own."""
    place = _outside(error.__traceback__)
    first = (str(error).strip().splitlines() or [""])[0]
    if isinstance(error, RuntimeError | TypeError) and any(w in first for w in _DEVICE_WORDS):
        finding = Finding("(raised)", "error", first, place=place, macos=(macos,))
        return {"finding": asdict(finding)}
    typed = isinstance(error, VivavoceError)
    return {"failure": str(error) if typed else f"{type(error).__name__}: {first}", "place": place}


def _outside(trace: TracebackType | None) -> str:
    """The innermost line outside torch and the audit that an exception came through."""
    found = ""
    while trace is not None:
        code = trace.tb_frame.f_code
        if not places.inside(code.co_filename):
            found = places.said(code, trace.tb_lineno)
        trace = trace.tb_next
    return found


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    this = os.getpid()
    with Path(job["out"]).open("a", encoding="utf-8") as file:
        try:
            run(job, Lines(file))
        finally:
            if os.getpid() != this:  # a fork of the target came out here: it is not the worker
                os._exit(0)


if __name__ == "__main__":
    main()
