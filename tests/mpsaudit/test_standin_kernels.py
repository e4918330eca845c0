from dataclasses import replace

import pytest
import torch

from mpsaudit import standin_kernels
from mpsaudit.operator_table import load


@pytest.fixture(scope="module")
def table():
    return load("2.13.0")


def test_old_tables_lack_the_fused_kernels(table):
    names = {name for name, _ in standin_kernels.kernels(table, "15.5")}
    assert {
        "aten::_lstm_mps",
        "aten::lstm.input",
        "aten::rms_norm",
        "aten::linear_backward",
    } <= names
    old = replace(table, native=frozenset({"aten::add.Tensor"}))
    assert {n for n, _ in standin_kernels.kernels(old, "15.5")} == {
        "aten::scaled_dot_product_attention"
    }


def test_linear_backward_is_the_gradient():
    x, w, b = (torch.randn(s, requires_grad=True) for s in ((2, 3, 4), (5, 4), (5,)))
    y = torch.nn.functional.linear(x, w, b)
    seed = torch.randn_like(y)
    wanted = torch.autograd.grad(y, (x, w, b), seed)
    found = standin_kernels._linear_backward(x, seed, w, [True, True, True])
    for a, c in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, c)
    assert standin_kernels._linear_backward(x, seed, w, [False, True, False])[::2] == (None, None)


def test_rms_norm_equals_torch():
    x, w = torch.randn(2, 3, 8), torch.rand(8, requires_grad=True)
    torch.testing.assert_close(
        standin_kernels._rms_norm(x, [8], w), torch.nn.functional.rms_norm(x, (8,), w)
    )
