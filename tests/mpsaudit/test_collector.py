"""The collector: rules by version, results that cannot be allocated, repeats."""

from __future__ import annotations

import pytest
import torch

from mpsaudit.calls import bind
from mpsaudit.collector import Collector, RaisingCollector, unsupported
from mpsaudit.findings import Finding
from mpsaudit.rules import RULES, rules_for

LONG = (torch.empty(1, 1, 70_000), torch.empty(4, 1, 3), None, [1], [0], [1], False, [0], 1)
CALL = bind("aten::convolution", LONG, {})


def check(torch_version, *macos):
    collector = Collector(torch_version, macos)
    collector.check("aten::convolution", rules_for("convolution"), CALL)
    return collector.findings()


@pytest.mark.parametrize(
    ("torch_version", "macos", "severities"),
    [
        ("2.13.0", "14.4", ["error"]),
        ("2.13.0+cpu", "15.0", ["error"]),
        ("2.13.0", "15.1", []),
        ("2.5.1", "15.5", ["error"]),
        ("2.3.1", "15.5", ["wrong-number"]),
    ],
)
def test_a_limit_depends_on_torch_and_macos(torch_version, macos, severities):
    assert [f.severity for f in check(torch_version, macos)] == severities


def test_a_finding_says_what_was_passed():
    (finding,) = check("2.13.0", "15.5", "14.4")
    assert finding.macos == ("14.4",)
    assert finding.shapes[0] == (1, 1, 70_000)
    assert finding.dtypes == ("float32", "float32")
    assert finding.reason == "Output channels > 65536 not supported at the MPS device. "
    assert finding.place.endswith("in check")
    assert "windows" in finding.advice


def test_repeats_are_counted_and_reported_once():
    new = []
    collector = Collector("2.13.0", ("15.5", "14.4"), new.append)
    for place, macos in (("a", "14.4"), ("b", "14.4"), ("a", "15.5")):
        collector.add(Finding("aten::mode", "error", "no kernel", place=place, macos=(macos,)))
    assert [f.place for f in new] == ["a", "b"]
    assert [(f.place, f.count, f.macos) for f in collector.in_order()] == [
        ("a", 2, ("15.5", "14.4")),
        ("b", 1, ("14.4",)),
    ]


def test_a_stand_in_without_an_audit_raises_errors_only():
    collector = RaisingCollector("2.13.0", ("14.4",))
    collector.note("aten::item", "info", "waits")
    with pytest.raises(RuntimeError, match="Output channels"):
        collector.check("aten::convolution", rules_for("convolution"), CALL)


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
def test_doubles_cannot_be_allocated(dtype):
    (reason,) = unsupported(torch.zeros(2, dtype=dtype))
    assert reason.startswith("Cannot convert a MPS Tensor to float64 dtype")


def test_other_dtypes_cannot_be_allocated():
    eighth = torch.zeros(2).to(torch.float8_e4m3fn)
    (reason,) = unsupported((torch.ones(1), eighth))
    assert "float8_e4m3fn to the MPS backend" in reason


def test_seventeen_dimensions_cannot_be_allocated():
    (reason,) = unsupported(torch.zeros([1] * 17))
    assert reason == "MPS supports tensors with dimensions <= 16, but got 17."
    assert list(unsupported([torch.zeros([1] * 16), 3, None])) == []


def test_every_rule_has_an_id_of_its_own():
    ids = [rule.id for rule in RULES]
    assert len(ids) == len(set(ids))
    assert rules_for("no_such_operator") == ()
