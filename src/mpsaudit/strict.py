"""The strict engine: runs the work on a stand-in mps:0, in a new process for every macOS.

worker.py is what runs in that process.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mpsaudit import standin_build
from mpsaudit.collector import Collector
from mpsaudit.errors import AuditError, UsageError
from mpsaudit.findings import Finding
from mpsaudit.operator_table import Table

TIMEOUT_S = 600.0


def trace(
    target: str,
    table: Table,
    macos: Sequence[str],
    *,
    default_device: bool = False,
    wrong: Mapping[str, float] | None = None,
    cache: Path | None = None,
    timeout_s: float = TIMEOUT_S,
) -> tuple[list[Finding], set[str]]:
    """Runs the target once for every macOS version; returns findings (worst first) and operators.

    `target` is a name that `targets.resolve` accepts. The work chooses its device itself, or gets
    mps:0 by `default_device`. `wrong` injects faults, as in `device_standin.standin`. `cache` keeps
    the built library.

    Raises StandInUnavailable where the stand-in cannot be built, UsageError for a target that
    cannot be imported, AuditError if it fails by itself, dies, or takes over `timeout_s`.
    """
    if ":" not in target:
        raise UsageError(f"Cannot audit '{target}'.", "Write it as module:callable.")
    folder = cache if cache is not None else standin_build.default_cache()
    standin_build.library(folder)
    job = {
        "target": target,
        "torch": table.version,
        "default_device": default_device,
        "wrong": dict(wrong or {}),
        "cache": str(folder),
    }
    collector = Collector(table.version, macos)
    operators: set[str] = set()
    for version in macos:
        findings, reached = _run({**job, "macos": version}, timeout_s)
        for finding in findings:
            collector.add(finding, repeats=0)
        operators |= reached
    return collector.findings(), operators


def _run(job: dict[str, Any], timeout_s: float) -> tuple[list[Finding], set[str]]:
    with tempfile.TemporaryDirectory() as folder:
        out, order = Path(folder) / "lines.jsonl", Path(folder) / "job.json"
        out.touch()
        order.write_text(json.dumps({**job, "out": str(out)}), encoding="utf-8")
        code, output = _start([sys.executable, "-m", "mpsaudit.worker", str(order)], timeout_s)
        text = out.read_text(encoding="utf-8")
    return read_lines(job["target"], text, code, output)


def _start(command: list[str], timeout_s: float) -> tuple[int | None, str]:
    """Exit status (None: out of time) and what was printed. Leaves no process behind."""
    # The variable would hide missing kernels; the path makes the caller's modules importable.
    environment = {k: v for k, v in os.environ.items() if k != "PYTORCH_ENABLE_MPS_FALLBACK"}
    environment["PYTHONPATH"] = os.pathsep.join(str(Path(p).resolve()) for p in sys.path)
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(  # noqa: S603 - this Python, this package's worker
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment,
            start_new_session=True,
        )  # fmt: skip
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end(process)
        output.seek(0)
        return code, output.read().decode(errors="replace")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the child and whatever it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        process.wait()


def read_lines(
    target: str, text: str, code: int | None, output: str
) -> tuple[list[Finding], set[str]]:
    """The findings that a worker wrote, or the error that its lines and exit status amount to."""
    findings: list[Finding] = []
    for line in map(json.loads, text.splitlines()):
        if "finding" in line:
            findings.append(_finding(line["finding"]))
        elif "failure" in line:
            where = f" at {line['place']}" if line["place"] else ""
            raise AuditError(f"{target} failed: {line['failure']}{where}.", _hint(line["failure"]))
        elif "unknown" in line:
            raise UsageError(line["unknown"], "Write the target as module:callable.")
        elif "counts" in line:
            counts = [*line["counts"], *[1] * len(findings)]
            both = zip(findings, counts, strict=False)
            return [replace(f, count=n) for f, n in both], set(line["operators"])
    until = f" Findings so far: {len(findings)}."
    if code is None:
        raise AuditError(f"{target} did not finish in time.{until}", "Use smaller inputs.")
    last = (output.strip().splitlines() or ["no output"])[-1]
    how = f"by {signal.Signals(-code).name}" if code < 0 else f"with status {code}"
    raise AuditError(f"The process that ran {target} ended {how}: {last}.{until}")


def _hint(failure: str) -> str:
    if "cuda" in failure.lower():
        return "It uses CUDA: let it choose among the available devices."
    return "Make it run on the CPU first."


def _finding(plain: dict[str, Any]) -> Finding:
    lists = ("dtypes", "macos")
    plain = {**plain, **{name: tuple(plain[name]) for name in lists}}
    return Finding(**{**plain, "shapes": tuple(tuple(shape) for shape in plain["shapes"])})
