"""`audit()`: what it accepts, and what it says no to."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from mpsaudit import audit, named, target_of
from tests.mpsaudit import cases
from vivavoce.errors import AuditError, UsageError


def work():
    return torch.logspace(0, 1, 3)


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


def test_another_process_must_be_able_to_find_it():
    assert target_of(work) == "tests.mpsaudit.test_api:work"
    assert target_of("a:b") == "a:b"
    assert named("tests.mpsaudit.cases:NAMED.istft") is cases.CASES["istft"]
    for lost in (lambda: None, torch.nn.ReLU().forward):
        with pytest.raises(UsageError):
            target_of(lost)


def test_strict_needs_a_name():
    with pytest.raises(UsageError, match="another process"):
        audit(lambda: None, strict=True)


def test_importing_it_leaves_torch_alone():
    code = "import sys, mpsaudit; sys.exit('torch' in sys.modules)"
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
