"""Weights in their own order and in oneDNN's: the plain layer's numbers, before and after."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.tolerance import assert_near, assert_precise
from vivavoce.runtime.arithmetic import MANY_ROWS, Arithmetic, RowLayout, linear_gelu
from vivavoce.runtime.onednn import PackedLinear, StreamedLinear, has_bfloat16

WIDTH, OUT = 512, 1024
ROWS = (1, 3, 8, 70)

pytestmark = pytest.mark.skipif(
    not torch.backends.mkldnn.is_available(), reason="oneDNN is not built into this torch"
)

formats = pytest.mark.parametrize(
    "dtype",
    [
        torch.float32,
        pytest.param(
            torch.bfloat16,
            marks=pytest.mark.skipif(not has_bfloat16(), reason="no bfloat16 in this oneDNN"),
        ),
    ],
)


@pytest.fixture(params=[True, False], ids=["bias", "no-bias"])
def layer(request):
    return nn.Linear(WIDTH, OUT, bias=request.param).requires_grad_(False)


def is_the_layer(ours, layer, dtype=torch.float32):
    for rows in ROWS:
        x = torch.randn(rows, 1, WIDTH)
        found = ours(x.to(dtype))
        assert found.shape == (rows, 1, OUT)
        assert_precise(found, layer(x), dtype)
        expected = F.gelu(layer(x), approximate="tanh")
        assert_precise(linear_gelu(ours, x.to(dtype)), expected, dtype)


@formats
@pytest.mark.parametrize(
    "how", [{}, {"default": True}, {"as_vector": True}], ids=["onednn", "default", "vector"]
)
@torch.inference_mode()
def test_streamed_before_and_after_it_is_laid_out_for_many_rows(layer, how, dtype):
    rounded = copy.deepcopy(layer).to(dtype)
    ours = StreamedLinear(rounded, **how)
    is_the_layer(ours, layer, dtype)
    assert ours.few_rows
    ours.for_many_rows()
    assert not ours.few_rows
    is_the_layer(ours, layer, dtype)
    kept = ours._packed
    ours.for_many_rows()
    assert ours._packed is kept, "the second time there is nothing to do"
    ours.for_one_row()
    assert ours.few_rows
    assert torch.equal(ours._packed, rounded.weight), "every weight where it was"
    is_the_layer(ours, layer, dtype)
    kept = ours._packed
    ours.for_one_row()
    assert ours._packed is kept


@torch.inference_mode()
def test_another_program_s_order_is_streamed_too(layer):
    """A checkpoint may hold `[in, out]`: the weight is then a view with its sides exchanged."""
    view = nn.Linear(WIDTH, OUT).requires_grad_(False)
    view.weight = nn.Parameter(layer.weight.t().contiguous().t(), requires_grad=False)
    view.bias = layer.bias
    assert not view.weight.is_contiguous()
    ours = StreamedLinear(view)
    is_the_layer(ours, layer)
    ours.for_many_rows()
    is_the_layer(ours, layer)
    is_the_layer(PackedLinear(view, few_rows=True), layer)


@torch.inference_mode()
def test_it_owns_its_weights(layer):
    expected = [t.clone() for t in (layer.weight, layer(torch.ones(1, WIDTH)))]
    ours = StreamedLinear(layer)
    layer.weight.zero_()
    layer.weight = nn.Parameter(expected[0], requires_grad=False)
    assert_near(ours(torch.ones(1, WIDTH)), expected[1])
    assert not hasattr(ours, "weight"), "code that reads it would compute with a copy"


class Decoding:
    """Who uses the weights."""


@formats
@torch.inference_mode()
def test_few_rows_are_streamed_and_several_are_packed(layer, dtype):
    ours = Arithmetic(dtype, packed=True).linear(layer, few_rows=True)
    assert isinstance(ours, StreamedLinear)
    is_the_layer(ours, layer, dtype)
    user = Decoding()
    RowLayout(ours).agree(user, MANY_ROWS)
    is_the_layer(ours, layer, dtype)


@torch.inference_mode()
def test_only_streamed_layers_within_are_laid_out_anew(layer):
    arithmetic = Arithmetic(packed=True)
    small = arithmetic.linear(nn.Linear(OUT, 8), few_rows=True)
    middle = arithmetic.linear(nn.Linear(OUT, OUT))
    whole = nn.Sequential(arithmetic.linear(layer, few_rows=True), nn.Sequential(middle), small)
    x = torch.randn(2, WIDTH)
    expected, kept = whole(x), middle._packed
    assert type(small) is nn.Linear, "too small to gain"
    layout, batch, single = RowLayout(whole), Decoding(), Decoding()
    layout.agree(batch, MANY_ROWS)
    assert not whole[0].few_rows
    assert_near(whole(x), expected)
    layout.agree(single, 1)
    assert not whole[0].few_rows, "the batch is still there"
    del batch
    layout.agree(single, 1)
    assert whole[0].few_rows
    assert middle._packed is kept
    assert torch.equal(whole(x), expected)
