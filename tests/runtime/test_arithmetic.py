"""Whatever kernel and number format: the layer's result, to the precision of the format."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.tolerance import PRODUCT, assert_near, assert_precise
from vivavoce.runtime import Precision, choose_kernel, choose_precision
from vivavoce.runtime.arithmetic import (
    Arithmetic,
    FlatLinear,
    choose_arithmetic,
    flattened,
    linear_gelu,
    portable,
)
from vivavoce.runtime.int8 import Int8Linear, available
from vivavoce.runtime.onednn import MIN_WEIGHTS, PackedLinear, StreamedLinear, has_bfloat16

LARGE, SMALL = (512, 1024), (24, 40)
CPU = torch.device("cpu")

onednn = pytest.mark.skipif(
    not torch.backends.mkldnn.is_available(), reason="oneDNN is not built into this torch"
)
formats = pytest.mark.parametrize("dtype", PRODUCT)
sizes = pytest.mark.parametrize("size", [LARGE, SMALL])
ways = pytest.mark.parametrize("packed", [False, pytest.param(True, marks=onednn)])


@formats
@sizes
@ways
@torch.inference_mode()
def test_as_the_plain_layer(dtype, size, packed):
    layer, x = nn.Linear(*size), torch.randn(2, 7, size[0])
    expected = layer(x)
    ours = Arithmetic(dtype, packed).linear(layer)
    can = dtype == torch.float32 or has_bfloat16()
    assert isinstance(ours, PackedLinear) == (packed and size == LARGE and can)
    assert_precise(ours(x.to(dtype)), expected, dtype)
    assert_precise(linear_gelu(ours, x.to(dtype)), F.gelu(expected, approximate="tanh"), dtype)


@formats
@ways
@torch.inference_mode()
def test_without_a_bias(dtype, packed):
    layer, x = nn.Linear(*LARGE, bias=False), torch.randn(3, LARGE[0])
    assert_precise(Arithmetic(dtype, packed).linear(layer)(x.to(dtype)), layer(x), dtype)


@torch.inference_mode()
def test_bfloat16_stays_torchs_own_where_onednn_cannot_pack_it(monkeypatch):
    """As on processors with AVX2 and no more."""
    monkeypatch.setattr("vivavoce.runtime.onednn.has_bfloat16", lambda: False)
    layer, x = nn.Linear(*LARGE), torch.randn(3, LARGE[0])
    ours = Arithmetic(torch.bfloat16, packed=True).linear(layer, few_rows=True)
    assert type(ours) is nn.Linear
    assert_precise(ours(x.bfloat16()), layer(x), torch.bfloat16)


@formats
@sizes
@ways
def test_the_given_layer_stays_as_it_was(dtype, size, packed):
    layer = nn.Linear(*size)
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    Arithmetic(dtype, packed).linear(layer)
    assert type(layer) is nn.Linear
    assert layer.state_dict().keys() == before.keys()
    assert all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())


def test_nothing_to_do_copies_nothing():
    layer = nn.Linear(*LARGE)
    assert Arithmetic().linear(layer).weight.data_ptr() == layer.weight.data_ptr()
    assert not any(p.requires_grad for p in Arithmetic().linear(layer).parameters())


@pytest.mark.parametrize("few_rows", [False, True])
@torch.inference_mode()
def test_a_view_of_another_program_s_order_is_copied_into_ours(few_rows):
    """Without oneDNN too; torch's own product is slow for weights that lie across."""
    layer, x = nn.Linear(*SMALL), torch.randn(3, SMALL[0])
    across = layer.weight.detach().t().contiguous()
    layer.weight = nn.Parameter(across.t())
    expected = layer(x)
    ours = Arithmetic().linear(layer, few_rows)
    assert ours.weight.is_contiguous()
    assert ours.weight.data_ptr() != across.data_ptr()
    assert_near(ours(x), expected)


@torch.inference_mode()
def test_the_form_for_apple_multiplies_one_matrix():
    """The same weights under the same names; whatever shape the rows come in."""
    model = nn.Sequential(nn.Linear(*SMALL), nn.Sequential(nn.Linear(SMALL[1], 5, bias=False)))
    x, names = torch.randn(2, 3, SMALL[0]).transpose(0, 1), list(model.state_dict())
    expected = model(x)
    assert portable(model) is model
    assert type(model[0]) is nn.Linear, "only on Apple's GPUs"
    assert flattened(model) is model
    assert all(isinstance(layer, FlatLinear) for layer in (model[0], model[1][0]))
    assert list(model.state_dict()) == names
    assert_near(model(x), expected)
    assert_near(model(x[0, 0]), expected[0, 0])


@onednn
def test_small_layers_gain_nothing():
    assert LARGE[0] * LARGE[1] >= MIN_WEIGHTS > SMALL[0] * SMALL[1]
    assert not PackedLinear.gains(nn.Linear(*SMALL))
    assert not PackedLinear.gains(nn.Linear(*LARGE).half())
    assert not PackedLinear.gains(nn.Linear(*LARGE, device="meta"))


@onednn
@pytest.mark.parametrize("kernel", ["default", "onednn"])
def test_chosen_by_the_machine_s_measurement(tmp_path, kernel):
    choose_kernel(tmp_path)
    (file,) = tmp_path.iterdir()
    (key,) = json.loads(file.read_text())
    file.write_text(json.dumps({key: {"name": kernel, "reason": "a test", "gflops": {}}}))
    single = Precision(torch.float32, "a test")
    assert choose_arithmetic(CPU, single, tmp_path).packed == (kernel == "onednn")
    # only oneDNN multiplies lower formats quickly, whatever was measured in float32
    half = choose_arithmetic(CPU, Precision(torch.bfloat16, "a test"), tmp_path)
    assert (half.dtype, half.packed) == (torch.bfloat16, True)


@pytest.mark.skipif(not available(), reason="this torch has no such product")
@torch.inference_mode()
def test_int8_is_for_every_layer_whatever_else_was_measured():
    chosen = choose_arithmetic(CPU, choose_precision("int8", "cpu"), None)
    assert chosen == Arithmetic(torch.float32, int8=True)
    for size in (LARGE, SMALL):
        layer, x = nn.Linear(*size), torch.randn(2, size[0])
        ours = replace(chosen, packed=True).linear(layer, few_rows=True)
        assert isinstance(ours, Int8Linear)
        error = (ours(x) - layer(x)).norm() / layer(x).norm()
        assert 1e-4 < error < 0.02
        gelu = F.gelu(ours(x), approximate="tanh")
        assert torch.equal(linear_gelu(ours, x), gelu)


@onednn
def test_attention_is_measured_once_per_format(tmp_path, monkeypatch):
    asked = []

    def wins(dtype):
        asked.append(dtype)
        return dtype == torch.bfloat16

    monkeypatch.setattr("vivavoce.runtime.kernels._separate_wins", wins)
    for _ in range(2):
        assert Arithmetic(torch.bfloat16, True, tmp_path).separate
        assert not Arithmetic(torch.float32, True, tmp_path).separate
    assert asked == [torch.bfloat16, torch.float32]
    assert not Arithmetic(torch.bfloat16).separate  # nowhere to keep a measurement


@onednn
@pytest.mark.parametrize(("full_s", "half_s"), [(2.0, 1.0), (1.0, 2.0), (1.0, 1.0)])
def test_a_query_in_bfloat16_where_that_is_faster(tmp_path, monkeypatch, full_s, half_s):
    from vivavoce.runtime import kernels
    from vivavoce.runtime.attention import attends

    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    monkeypatch.setattr(kernels, "least_seconds", lambda _runs, _repeats: [full_s, half_s])
    kernels._half_keys_win.cache_clear()
    half = full_s > half_s and attends(torch.bfloat16)
    expected = torch.bfloat16 if half else torch.float32
    for lower in (Arithmetic(torch.bfloat16), Arithmetic(int8=True)):
        assert replace(lower, cache_folder=tmp_path).attention_dtype(cpu) == expected
        assert lower.attention_dtype(cpu) == torch.float32  # nowhere to keep a measurement
        assert lower.attention_dtype(cuda) == lower.dtype
    assert Arithmetic(cache_folder=tmp_path).attention_dtype(cpu) == torch.float32
    kernels._half_keys_win.cache_clear()


@onednn
@pytest.mark.parametrize("wins", [True, False])
def test_layers_for_few_rows_are_measured_by_themselves(tmp_path, monkeypatch, wins):
    """Where many rows are best left to torch's own kernel, eight need not be."""
    monkeypatch.setattr("vivavoce.runtime.kernels._packed_rows_win", lambda: wins)
    chosen, layer = Arithmetic(cache_folder=tmp_path), nn.Linear(*LARGE)
    assert type(chosen.linear(layer)) is nn.Linear
    few = chosen.linear(layer, few_rows=True)
    assert type(few) is (StreamedLinear if wins else nn.Linear)
    x = torch.randn(1, LARGE[0])
    assert_near(few(x), layer(x))
    assert type(Arithmetic().linear(layer, few_rows=True)) is nn.Linear  # nowhere to keep it


@onednn
@pytest.mark.parametrize(("default_s", "packed_s"), [(2.0, 1.0), (1.0, 2.0), (1.0, 1.0)])
def test_few_rows_are_packed_where_that_is_faster(monkeypatch, default_s, packed_s):
    from vivavoce.runtime import kernels

    monkeypatch.setattr(kernels, "least_seconds", lambda _runs, _repeats: [default_s, packed_s])
    assert kernels._packed_rows_win.__wrapped__() == (default_s > packed_s)


@pytest.mark.parametrize(("fused_s", "separate_s"), [(2.0, 1.0), (1.0, 2.0), (1.0, 1.0)])
def test_the_race_of_attentions_goes_to_the_faster(monkeypatch, fused_s, separate_s):
    from vivavoce.runtime import attention, kernels

    clock = [0.0]

    def takes(seconds):
        def form(*_tensors):
            clock[0] += seconds

        return form

    monkeypatch.setattr(kernels.time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(attention, "fused", takes(fused_s))
    monkeypatch.setattr(attention, "blocked_attention", takes(separate_s))
    assert kernels._separate_wins.__wrapped__(torch.float32, repeats=2) == (fused_s > separate_s)


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_accelerators_have_their_own_kernels(device):
    precision = Precision(torch.float16, "a test")
    found = choose_arithmetic(torch.device(device), precision, None)
    assert found == Arithmetic(torch.float16, packed=False)
