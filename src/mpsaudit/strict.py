"""The strict engine: runs the work on a stand-in mps:0, in a fresh process for every macOS.

Knows how to start that process and read what it wrote; what happens in it is in worker.py.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from mpsaudit import build
from mpsaudit.findings import SEVERITIES, Finding
from mpsaudit.table import Table
from vivavoce.errors import AuditError, UsageError

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
    """Runs the target once for every macOS version; what was found, worst first, and operators.

    `target` is `module:name`: a function of no arguments, called as it is (it chooses its device
    itself, or gets mps:0 by `default_device`), or the name of a workload of that module, built for
    mps:0. `wrong` injects faults, as in
    `device_standin.standin`. `cache` keeps the built library.

    Raises UnsupportedDevice where the stand-in cannot be built, UsageError for a target that
    cannot be imported, AuditError if it fails by itself, dies, or takes over `timeout_s`.
    """
    if ":" not in target:
        raise UsageError(f"'{target}' names no work.", "Write it as module:callable.")
    folder = cache if cache is not None else build.default_cache()
    build.library(folder)
    job = {
        "target": target,
        "table": {k: sorted(v) if isinstance(v, frozenset) else v for k, v in _plain(table)},
        "default_device": default_device,
        "wrong": dict(wrong or {}),
        "cache": str(folder),
    }
    found: list[Finding] = []
    operators: set[str] = set()
    for version in macos:
        findings, reached = _run({**job, "macos": version}, timeout_s)
        found += findings
        operators |= reached
    return _merged(found), operators


def _plain(table: Table) -> Iterable[tuple[str, Any]]:
    return asdict(table).items()


def _run(job: dict[str, Any], timeout_s: float) -> tuple[list[Finding], set[str]]:
    with tempfile.TemporaryDirectory() as folder:
        out, order = Path(folder) / "lines.jsonl", Path(folder) / "job.json"
        out.touch()
        order.write_text(json.dumps({**job, "out": str(out)}), encoding="utf-8")
        code, said = _start([sys.executable, "-m", "mpsaudit.worker", str(order)], timeout_s)
        text = out.read_text(encoding="utf-8")
    return _read(job["target"], text, code, said)


def _start(command: list[str], timeout_s: float) -> tuple[int | None, str]:
    """Exit status (None: out of time) and what was said. Leaves no process behind."""
    # The variable would hide what is looked for; the path makes the caller's modules importable.
    environment = {k: v for k, v in os.environ.items() if k != "PYTORCH_ENABLE_MPS_FALLBACK"}
    environment["PYTHONPATH"] = os.pathsep.join(str(Path(p).resolve()) for p in sys.path)
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(  # noqa: S603 - this Python, this package's worker
            command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=environment,
            start_new_session=True,
        )  # fmt: skip
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end(process)
        said.seek(0)
        return code, said.read().decode(errors="replace")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the child and whatever it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        process.wait()


def _read(target: str, text: str, code: int | None, said: str) -> tuple[list[Finding], set[str]]:
    findings: list[Finding] = []
    for line in map(json.loads, text.splitlines()):
        if "finding" in line:
            findings.append(_finding(line["finding"]))
        elif "failure" in line:
            where = f" at {line['place']}" if line["place"] else ""
            raise AuditError(f"{target} failed: {line['failure']}{where}.", _hint(line["failure"]))
        elif "unknown" in line:
            raise UsageError(line["unknown"], "Name importable work as module:callable.")
        elif "counts" in line:
            counts = [*line["counts"], *[1] * len(findings)]
            both = zip(findings, counts, strict=False)
            return [replace(f, count=n) for f, n in both], set(line["operators"])
    seen = f" Until then: {len(findings)} findings."
    if code is None:
        raise AuditError(f"{target} did not end in time.{seen}", "Give it less work.")
    last = (said.strip().splitlines() or ["it said nothing"])[-1]
    how = f"by {signal.Signals(-code).name}" if code < 0 else f"with status {code}"
    raise AuditError(f"The process that ran {target} ended {how}: {last}.{seen}")


def _hint(failure: str) -> str:
    if "cuda" in failure.lower():
        return "It asks for CUDA: let it choose its device by what is available."
    return "Make it run on the CPU first; the audit runs it as it is."


def _finding(plain: dict[str, Any]) -> Finding:
    lists = ("dtypes", "macos")
    plain = {**plain, **{name: tuple(plain[name]) for name in lists}}
    return Finding(**{**plain, "shapes": tuple(tuple(shape) for shape in plain["shapes"])})


def _merged(findings: list[Finding]) -> list[Finding]:
    """The same finding under several macOS versions is one."""
    known: dict[tuple[Any, ...], Finding] = {}
    for f in findings:
        key = (f.operator, f.severity, f.reason, f.place, f.backward)
        if key in known:
            known[key] = replace(known[key], macos=(*known[key].macos, *f.macos))
        else:
            known[key] = f
    return sorted(known.values(), key=lambda f: SEVERITIES.index(f.severity))
