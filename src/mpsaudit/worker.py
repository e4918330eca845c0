"""`python -m mpsaudit.worker JOB.json`: one strict run, in a process of its own.

Installs the stand-in device before anything else uses torch, runs the target, and writes findings
as JSON lines as they appear, so that a crash loses none. strict.py starts it.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import torch

from mpsaudit.code_location import in_words, is_internal
from mpsaudit.collector import Collector
from mpsaudit.device_standin import standin
from mpsaudit.errors import MpsAuditError, UsageError
from mpsaudit.findings import Finding
from mpsaudit.operator_table import load
from mpsaudit.targets import resolve

DEVICE = "mps:0"
# Messages of torch about tensors on the wrong device or of a dtype that the device refuses.
_DEVICE_WORDS = ("mps", "same device", "Placeholder storage", "weight type", "indices should be")


def run(job: dict[str, Any], file: TextIO) -> None:
    def write(**line: Any) -> None:
        file.write(json.dumps(line) + "\n")
        file.flush()

    table, macos = load(job["torch"]), job["macos"]
    collector = Collector(table.version, (macos,), lambda found: write(finding=asdict(found)))
    device = standin(table, macos, wrong=job["wrong"], collector=collector, cache=job["cache"])
    if job["default_device"]:
        _set_default_device()
    try:
        work = resolve(job["target"], DEVICE)
    except UsageError as error:
        write(unknown=error.message)
        return
    try:
        result = work()
        if isinstance(result, Iterator):  # a generator has done nothing yet
            deque(result, maxlen=0)
    except Exception as error:  # noqa: BLE001 - whatever the target raises is passed to the parent
        write(**_raised(error, macos))
    counts = [finding.count for finding in collector.in_order()]
    write(counts=counts, operators=sorted(device.reached()))


def _set_default_device() -> None:
    """For this thread and those that it starts: torch keeps a default for each thread."""
    torch.set_default_device(DEVICE)
    start = threading.Thread.start

    def started(self: threading.Thread) -> None:
        run = self.run

        def on_device() -> None:
            torch.set_default_device(DEVICE)
            run()

        self.run = on_device
        start(self)

    threading.Thread.start = started


def _raised(error: Exception, macos: str) -> dict[str, Any]:
    """A finding if the device refused, else a failure of the target's own."""
    place = _raised_at(error.__traceback__)
    first = (str(error).strip().splitlines() or [""])[0]
    if isinstance(error, RuntimeError | TypeError) and any(w in first for w in _DEVICE_WORDS):
        finding = Finding("(raised)", "error", first, place=place, macos=(macos,))
        return {"finding": asdict(finding)}
    typed = isinstance(error, MpsAuditError)
    return {"failure": str(error) if typed else f"{type(error).__name__}: {first}", "place": place}


def _raised_at(trace: TracebackType | None) -> str:
    """The innermost line outside torch and the audit that an exception came through."""
    place = ""
    while trace is not None:
        code = trace.tb_frame.f_code
        if not is_internal(code.co_filename):
            place = in_words(code, trace.tb_lineno)
        trace = trace.tb_next
    return place


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    this = os.getpid()
    with Path(job["out"]).open("a", encoding="utf-8") as file:
        try:
            run(job, file)
        finally:
            if os.getpid() != this:  # a fork of the target ended here: it is not the worker
                os._exit(0)


if __name__ == "__main__":
    main()
