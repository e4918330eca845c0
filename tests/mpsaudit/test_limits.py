"""How rules apply: versions, systems, and results that the device could not hold."""

from __future__ import annotations

import pytest
import torch

from mpsaudit import limits
from mpsaudit.rules import RULES, within

LONG = (torch.empty(1, 1, 70_000), torch.empty(4, 1, 3), None, [1], [0], [1], False, [0], 1)


def check(torch_version, macos):
    return [
        (f.severity, f.macos)
        for f in limits.check("aten::convolution", LONG, {}, torch_version, macos)
    ]


def test_a_limit_depends_on_torch_and_system():
    assert check("2.13.0", "14.4") == [("error", ("14.4",))]
    assert check("2.13.0+cpu", "15.0") == [("error", ("15.0",))]
    assert check("2.13.0", "15.1") == []
    assert check("2.5.1", "15.5") == [("error", ("15.5",))]
    assert check("2.3.1", "15.5") == [("wrong-number", ("15.5",))]


def test_a_finding_says_what_was_passed():
    (finding,) = limits.check("aten::convolution", LONG, {}, "2.13.0", "14.4")
    assert finding.shapes[0] == (1, 1, 70_000)
    assert finding.dtypes == ("float32", "float32")
    assert finding.reason == "Output channels > 65536 not supported at the MPS device. "
    assert "vivavoce.nn.windows" in finding.advice


def test_spans_are_half_open():
    assert within("2.8.1", ("2.7", "2.9"))
    assert not within("2.9.0", ("2.7", "2.9"))
    assert within("26.2", ("26.2", "26.3"))
    assert not within("26.3", ("26.2", "26.3"))
    assert within("1.0", ("", ""))


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
def test_doubles_cannot_be_held(dtype):
    (finding,) = limits.check_result("aten::zeros", torch.zeros(2, dtype=dtype), "15.5")
    assert finding.severity == "error"
    assert finding.reason.startswith("Cannot convert a MPS Tensor to float64 dtype")


def test_foreign_types_cannot_be_held():
    eighth = torch.zeros(2).to(torch.float8_e4m3fn)
    (finding,) = limits.check_result("aten::_to_copy", (torch.ones(1), eighth), "15.5")
    assert "float8_e4m3fn to the MPS backend" in finding.reason


def test_seventeen_dimensions_cannot_be_held():
    (reason,) = limits.refused(torch.zeros([1] * 17))
    assert reason == "MPS supports tensors with dimensions <= 16, but got 17."
    assert list(limits.refused([torch.zeros([1] * 16), 3, None])) == []


def test_every_rule_has_a_name_of_its_own():
    names = [rule.id for rule in RULES]
    assert len(names) == len(set(names))
    assert limits.rules_for("no_such_operator") == ()
