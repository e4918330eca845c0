"""Would this run natively on Apple's MPS? Answered on any machine, for any PyTorch code.

Knows torch and nothing of this package's models. Importing it does not import torch.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mpsaudit.findings import SEVERITIES, Finding, Report
from mpsaudit.verdict import render
from mpsaudit.versions import check_macos, faults
from vivavoce.errors import AuditError, UsageError

if TYPE_CHECKING:
    from mpsaudit.table import Table

__all__ = ["MACOS", "Finding", "Report", "audit", "render"]

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
    """Run `call` once, without arguments, and report what MPS would refuse, move or get wrong.

    `call` may be named as `module:callable`, and must be importable like that when `strict` (it
    then runs in a process of its own, on a stand-in device: see docs/audit.md). `torch` is the
    version whose operators are meant (the installed one by default; another is a hint, as
    composite operators are always the installed ones). `inputs` says what was run, in words.

    Raises UsageError for a torch or macOS nothing is known about, or that never had MPS together,
    and AuditError when the work fails by itself or does what the engine cannot see.
    """
    from mpsaudit.table import load

    table = load(torch)
    for version in macos:
        _require(table.version, check_macos(version))
    if not macos:
        raise UsageError("No macOS version was named.", "Name one, such as 15.5.")
    if strict:
        from mpsaudit import strict as engine

        target = target_of(call)
        findings, reached = engine.trace(target, table, macos)
        if not reached:  # it chose no device: then it gets one
            findings, reached = engine.trace(target, table, macos, default_device=True)
    else:
        from mpsaudit import portable

        findings, reached = portable.trace(named(call), table, macos)
    if not reached:
        raise AuditError("The work reached no operator.", "Name a function that does the work.")
    return Report(
        engine="strict" if strict else "portable",
        torch=table.version,
        macos=tuple(macos),
        table=_source(table),
        inputs=inputs,
        operators=len(reached),
        findings=tuple(sorted(findings, key=lambda found: SEVERITIES.index(found.severity))),
    )


def named(call: Callable[[], object] | str) -> Callable[[], object]:
    """The callable that `module:callable` names; raises UsageError if there is none."""
    if not isinstance(call, str):
        return call
    module, _, path = call.partition(":")
    if not module or not path:
        raise UsageError(f"'{call}' names no callable.", "Write it as module:callable.")
    try:
        found = importlib.import_module(module)
        for name in path.split("."):
            found = getattr(found, name)
    except (ImportError, AttributeError) as error:
        raise UsageError(f"'{call}' cannot be imported ({error}).") from error
    if not callable(found):
        raise UsageError(f"'{call}' is not callable.", "It must take no arguments.")
    return found


def target_of(call: Callable[[], object] | str) -> str:
    """How another process finds the callable; raises UsageError if it cannot."""
    if isinstance(call, str):
        return call
    module, path = getattr(call, "__module__", ""), getattr(call, "__qualname__", "")
    advice = "The strict engine runs in another process: name the work as 'module:callable'."
    if not module or module == "__main__" or not path or "<" in path:
        raise UsageError("This callable cannot be imported by another process.", advice)
    if named(f"{module}:{path}") is not call:
        raise UsageError(f"'{module}:{path}' is not this callable.", advice)
    return f"{module}:{path}"


def _source(table: Table) -> str:
    import torch

    installed = torch.__version__.partition("+")[0]
    if table.version.partition("+")[0] == installed:
        return table.source
    return f"{table.source}; taken apart as torch {installed} does, so a hint only"


def _require(torch: str, macos: str) -> None:
    for fault in faults(torch, macos):
        if fault.text.startswith(UNAVAILABLE):
            raise UsageError(f"torch {torch} on macOS {macos}: {fault.text}", fault.advice)
