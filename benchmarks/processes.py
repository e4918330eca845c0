"""Runs of the program for benchmarks: watched, killed, and what they left."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROGRAM = [sys.executable, "-m", "vivavoce"]


@dataclass
class Ended:
    """A process that has ended. `samples` are seconds, MB resident and what it had said."""

    code: int
    took_s: float
    said: str
    printed: str
    peak_mb: float
    cpu_s: float
    samples: list[tuple[float, float, str]] = field(default_factory=list)

    @property
    def table(self) -> dict[str, Any]:
        """What it printed as JSON."""
        return json.loads(self.printed)


def run(
    arguments: list[str],
    kill_when: Callable[[float], bool] | None = None,
    every_s: float = 0.2,
    nice: int = 0,
    log: Path | None = None,
) -> Ended:
    """`vivavoce ARGUMENTS`, ended by SIGKILL when `kill_when` says so, given the seconds passed.

    `log` gets every sample.
    """
    begin = time.monotonic()
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as printed:
        process = subprocess.Popen(
            [*PROGRAM, *arguments],
            stdout=printed,
            stderr=said,
            preexec_fn=(lambda: os.nice(nice)) if nice else None,
        )
        samples: list[tuple[float, float, str]] = []
        while True:
            done, status, usage = os.wait4(process.pid, os.WNOHANG)
            if done:
                break
            passed = time.monotonic() - begin
            if kill_when is not None and kill_when(passed):
                process.kill()
            samples.append((passed, resident_mb(process.pid), last_line(said.fileno())))
            if log:
                with log.open("a") as stream:
                    stream.write(json.dumps(samples[-1]) + "\n")
            time.sleep(0.02 if kill_when else every_s)
        process.returncode = os.waitstatus_to_exitcode(status)
        took = time.monotonic() - begin
        texts = [stream.seek(0) or stream.read() for stream in (said, printed)]
    return Ended(
        process.returncode,
        took,
        *texts,
        usage.ru_maxrss / 1024,
        usage.ru_utime + usage.ru_stime,
        samples,
    )


def resident_mb(pid: int) -> float:
    try:
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0.0
    return int(found[1]) / 1024 if found else 0.0


def last_line(descriptor: int) -> str:
    size = os.fstat(descriptor).st_size
    tail = os.pread(descriptor, 400, max(0, size - 400)).decode("utf-8", "replace")
    lines = tail.strip().splitlines()
    return lines[-1] if lines else ""


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def toy(folder: Path) -> str:
    """A model with random weights: real in every part, and quick."""
    from tests.tiny import tiny_folders

    return str(tiny_folders(folder)[0])


def written(found: dict[str, Any], path: Path | None) -> None:
    """Prints what was measured, and keeps it where asked."""
    text = json.dumps(found, indent=1)
    print(text)
    if path:
        path.write_text(text + "\n")
