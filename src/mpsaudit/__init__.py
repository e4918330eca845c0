"""Audits whether PyTorch code runs natively on Apple's MPS, on any machine and without a Mac.

`audit` runs a callable once and reports what MPS would refuse, move to the CPU or compute wrongly.
`look_up` answers for one operator or error message. Importing the package does not import torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mpsaudit.errors import AuditError, MpsAuditError, StandInUnavailable, UsageError
from mpsaudit.faults import Fault, faults
from mpsaudit.findings import SEVERITIES, Finding, Report
from mpsaudit.lookup import Answer, look_up
from mpsaudit.operator_table import Table, load
from mpsaudit.report_text import render, render_all
from mpsaudit.targets import importable_name, resolve
from mpsaudit.versions import check_macos

__all__ = [
    "MACOS",
    "Answer",
    "AuditError",
    "Fault",
    "Finding",
    "MpsAuditError",
    "Report",
    "StandInUnavailable",
    "UsageError",
    "audit",
    "faults",
    "look_up",
    "render",
    "render_all",
]

MACOS = ("15.5", "14.4")
UNAVAILABLE = "MPS is not available"


def audit(
    call: Callable[[], object] | str,
    *,
    torch: str | None = None,
    macos: Sequence[str] = MACOS,
    strict: bool = False,
    inputs: str = "",
) -> Report:
    """Runs `call` once, without arguments, and reports what MPS would refuse, move or get wrong.

    `call` may be named as `module:callable`; with `strict` it must be importable like that, as it
    then runs in another process on a stand-in device. `torch` is the version whose operator table
    is used (default: the installed one; any other is a hint, because composite operators are
    decomposed by the installed torch). `inputs` describes the inputs in the report.

    Raises UsageError for an unknown version of torch or macOS, or a pair that never had MPS;
    StandInUnavailable where `strict` cannot run; AuditError when the callable fails by itself or
    does what the engine cannot follow.
    """
    table = load(torch)
    if not macos:
        raise UsageError("No macOS version was given.", "Give one, such as 15.5.")
    for version in macos:
        _require_mps(table.version, check_macos(version))
    if strict:
        from mpsaudit import strict as engine

        target = importable_name(call)
        findings, reached = engine.trace(target, table, macos)
        if not reached:  # the work chose no device, so it gets one
            findings, reached = engine.trace(target, table, macos, default_device=True)
    else:
        from mpsaudit import portable

        work = resolve(call, "cpu") if isinstance(call, str) else call
        findings, reached = portable.trace(work, table, macos)
    if not reached and not findings:
        raise AuditError("The code reached no operator.", "Name a function that runs the model.")
    return Report(
        engine="strict" if strict else "portable",
        torch=table.version,
        macos=tuple(macos),
        table=_source(table),
        inputs=inputs,
        operators=len(reached),
        findings=tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))),
    )


def _source(table: Table) -> str:
    import torch

    installed = torch.__version__.partition("+")[0]
    if table.version.partition("+")[0] == installed:
        return table.source
    return f"{table.source}; decomposed by the installed torch {installed}, so a hint only"


def _require_mps(torch: str, macos: str) -> None:
    for fault in faults(torch, macos):
        if fault.text.startswith(UNAVAILABLE):
            raise UsageError(f"torch {torch} on macOS {macos}: {fault.text}", fault.advice)
