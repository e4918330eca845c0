from __future__ import annotations

import pytest
import torch

from mpsaudit.advice import advice, table
from mpsaudit.collector import FLOAT64, NO_DTYPE
from mpsaudit.operator_table import versions
from mpsaudit.rules import RULES
from mpsaudit.sandbox import CONCURRENT
from mpsaudit.versions import number


def test_by_operator_whichever_overload():
    assert "torch.fft.irfft" in advice("aten::unfold_backward.out")
    assert "linspace" in advice("logspace")


def test_the_reason_decides_before_the_operator():
    assert "windows" in advice("aten::_mps_convolution", "Output channels > 65536 not")
    assert "float32" in advice("aten::mul.Tensor", "the MPS framework doesn't support float64.")


def test_there_is_always_something_to_do_about_errors():
    for rule in RULES:
        if rule.severity != "info":
            assert advice(f"aten::{rule.operators[0]}", rule.text)
    assert advice("aten::never_heard_of")


@pytest.mark.skipif(number(torch.__version__) < number(versions()[-1]), reason="an older torch")
def test_it_names_real_operators():
    for name in table()["operators"]:
        assert hasattr(torch.ops.aten, name) or name.startswith("mps_"), name


def test_every_reason_belongs_to_a_rule_or_a_message():
    reasons = [rule.text for rule in RULES]
    reasons += [FLOAT64, NO_DTYPE, CONCURRENT, "slow_conv2d_forward"]
    for row in table()["reasons"]:
        assert any(row["text"] in reason for reason in reasons), row


def test_the_forms_compute_the_same():
    x = torch.tensor([[-1.5, 0.0], [0.25, 4.0]])
    indices = torch.tensor([[3, 0]])
    assert torch.equal(
        x.flatten().index_select(0, indices.flatten()).view_as(indices), x.take(indices)
    )
    torch.testing.assert_close(10 ** torch.linspace(0, 1, 5), torch.logspace(0, 1, 5))
    values = torch.tensor(0.5)
    stepped = torch.where(x > 0, 1.0, torch.where(x == 0, values, 0.0))
    assert torch.equal(stepped, torch.heaviside(x, values.expand_as(x)))
    exponent = x[1].abs().log2().floor() + 1
    mantissa, expected = torch.frexp(x[1])
    assert torch.equal(exponent.int(), expected)
    assert torch.equal(x[1] / 2**exponent, mantissa)
    whole = torch.tensor([3, 1, 3, 2])
    assert torch.bincount(whole).argmax() == whole.mode().values
