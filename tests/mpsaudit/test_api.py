"""`audit()`: what it accepts, and what it says no to."""

from __future__ import annotations

import dataclasses
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import mpsaudit
from mpsaudit import Finding, audit
from mpsaudit.errors import AuditError, UsageError


def work():
    return torch.logspace(0, 1, 3)


def test_names_and_signatures_are_pinned():
    assert mpsaudit.__all__ == [
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
    signatures = {
        name: list(inspect.signature(getattr(mpsaudit, name)).parameters)
        for name in ("audit", "faults", "look_up", "render", "render_all")
    }
    assert signatures == {
        "audit": ["call", "torch", "macos", "strict", "inputs"],
        "faults": ["torch", "macos"],
        "look_up": ["question", "torch", "macos"],
        "render": ["report"],
        "render_all": ["reports"],
    }
    codes = [mpsaudit.AuditError, mpsaudit.UsageError, mpsaudit.StandInUnavailable]
    assert [kind.exit_code for kind in codes] == [1, 2, 2]
    assert [field.name for field in dataclasses.fields(Finding)] == [
        *("operator", "severity", "reason", "shapes", "dtypes", "place", "advice", "count"),
        *("backward", "macos"),
    ]


def test_a_callable_or_its_name():
    report = audit("tests.mpsaudit.test_api:work")
    assert [f.operator for f in report.findings] == [f.operator for f in audit(work).findings]
    assert report.findings[0].operator.startswith("aten::logspace")
    assert not report.clean
    assert report.torch == torch.__version__.split("+")[0]


def test_findings_come_worst_first():
    def mixed():
        torch.linalg.svd(torch.eye(3))
        torch.ones(1).item()
        torch.logspace(0, 1, 3)

    severities = [f.severity for f in audit(mixed).findings]
    assert severities == sorted(severities, key=["error", "silent-cpu", "info"].index)
    assert set(severities) == {"error", "silent-cpu", "info"}


@pytest.mark.parametrize("name", ["nonsense", "no.such.module:f", "math:no_such", "math:pi", ":f"])
def test_names_that_lead_nowhere(name):
    with pytest.raises(UsageError):
        audit(name)


def test_versions_nobody_knows():
    with pytest.raises(UsageError, match=r"2\.1\.0"):
        audit(work, torch="2.1.0")
    with pytest.raises(UsageError, match="macOS"):
        audit(work, macos=("16.0",))
    with pytest.raises(UsageError, match="No macOS"):
        audit(work, macos=())


def test_a_torch_that_never_had_mps_there():
    with pytest.raises(UsageError, match=r"2\.13.* on macOS 13\.0"):
        audit(work, torch="2.13.0", macos=("13.0",))


def test_strict_needs_a_name():
    with pytest.raises(UsageError, match="another process"):
        audit(lambda: None, strict=True)


def test_importing_it_imports_neither_torch_nor_vivavoce():
    code = "import sys, mpsaudit; sys.exit(bool({'torch', 'vivavoce'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_work_that_does_nothing_is_no_verdict():
    with pytest.raises(AuditError, match="no operator"):
        audit(lambda: None)


def test_what_generates_is_exhausted():
    report = audit(lambda: (torch.logspace(0, 1, n) for n in (2, 3)))
    assert report.findings[0].count == 2


def test_another_torch_is_a_hint():
    assert "hint" in audit(work, torch="2.3.1").table
    assert "hint" not in audit(work).table


def test_the_example_of_the_readme_runs():
    text = Path(mpsaudit.__file__).with_name("README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    exec(code, {"__name__": "readme"})
