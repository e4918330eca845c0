"""Every form gives what the formula says, and a shorter row does not see its padding."""

from __future__ import annotations

import pytest
import torch

from tests.tolerance import PRODUCT, assert_near, assert_precise
from vivavoce.runtime import attention as forms
from vivavoce.runtime.attention import (
    MASK_STEP,
    RowLengths,
    additive,
    attention,
    cached_attention,
    causal_blocks,
    hides_the_future,
    query_blocks,
)


def formula(q, k, v):
    scores = q.double() @ k.double().transpose(-1, -2)
    return scores.softmax(-1) @ v.double()


@pytest.fixture(params=[False, True], ids=["fused", "separate"])
def separate(request):
    if request.param and not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        pytest.skip("oneDNN is not built into this torch")
    return request.param


@pytest.mark.parametrize("dtype", PRODUCT)
def test_whole_rows(dtype, separate, monkeypatch):
    monkeypatch.setattr("vivavoce.runtime.attention.BLOCK_BYTES", 2000)
    q, k, v = (torch.randn(2, 3, 40, 16).to(dtype) for _ in range(3))
    q = q / 4
    with torch.inference_mode():
        out = attention(q, k, v, separate=separate)
    assert_precise(out, formula(q, k, v), dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_rows_of_their_own_length(dtype, separate):
    q, k, v = (torch.randn(2, 3, 40, 16).to(dtype) for _ in range(3))
    q = q / 4
    rows = RowLengths.of((40, 25), 40, q.device, dtype)
    with torch.inference_mode():
        out = attention(q, k, v, rows, separate)
        spoilt = [t.clone() for t in (q, k, v)]
        for tensor in spoilt:
            tensor[1, :, 25:] = 100.0
        again = attention(*spoilt, rows, separate)
        alone = attention(q[1:, :, :25], k[1:, :, :25], v[1:, :, :25], None, separate)
    assert torch.equal(out[:, :, :25], again[:, :, :25])
    assert torch.equal(out[1:, :, :25], alone)


def written_out(q, k, v, allowed):
    """softmax(q kᵀ / sqrt(K)) v over what each position may see."""
    scores = q.double() @ k.double().transpose(-1, -2) / q.shape[-1] ** 0.5
    return scores.masked_fill(~allowed, -torch.inf).softmax(-1) @ v.double()


@pytest.mark.parametrize("dtype", PRODUCT)
@pytest.mark.parametrize("allows", ["all", "rows", "prompt"])
def test_what_came_before_is_attended_to(dtype, allows):
    n, m = (5, 37) if allows == "prompt" else (1, 37)
    q = torch.randn(3, 2, n, 16).to(dtype)
    k, v = (torch.randn(3, 2, m, 16).to(dtype) for _ in range(2))
    allowed = {
        "all": torch.ones(3, 1, n, m, dtype=torch.bool),
        "rows": (torch.arange(m) < torch.tensor([37, 1, 20])[:, None])[:, None, None],
        "prompt": torch.ones(1, 1, n, m, dtype=torch.bool).tril(m - n),
    }[allows]
    out = cached_attention(q, k, v, None if allows == "all" else allowed)
    assert_precise(out, written_out(q, k, v, allowed), dtype)


@pytest.mark.parametrize("dtype", PRODUCT)
def test_causal_is_the_mask_that_hides_the_future(dtype):
    q, k, v = (torch.randn(2, 3, 23, 8).to(dtype) for _ in range(3))
    allowed = torch.ones(23, 23, dtype=torch.bool).tril()
    out = cached_attention(q, k, v, causal=True)
    assert_precise(out, written_out(q, k, v, allowed), dtype)
    assert_precise(out, cached_attention(q, k, v, allowed), dtype)


@pytest.mark.parametrize("dtype", PRODUCT)
def test_an_additive_mask_is_the_bool_mask_made_once(dtype):
    q = torch.randn(3, 2, 1, 16).to(dtype)
    k, v = (torch.randn(3, 2, 37, 16).to(dtype) for _ in range(2))
    allowed = (torch.arange(37) < torch.tensor([37, 1, 20])[:, None])[:, None, None]
    assert torch.equal(
        cached_attention(q, k, v, additive(allowed, dtype)), cached_attention(q, k, v, allowed)
    )


def test_off_the_cpu_a_batch_gets_one_mask_whose_rows_are_whole_steps_apart():
    """Kernels of CUDA copy a mask whose rows begin anywhere, in every layer."""
    rows = RowLengths.of((40, 25), 41, torch.device("meta"), torch.bfloat16)
    assert rows.mask is not None
    assert (rows.mask.shape, rows.mask.dtype) == ((2, 1, 1, 41), torch.bfloat16)
    assert rows.mask.stride(0) % MASK_STEP == 0
    q = torch.empty(2, 3, 41, 16, device="meta", dtype=torch.bfloat16)
    assert attention(q, q, q, rows).shape == q.shape
    assert RowLengths.of((40, 25), 41, torch.device("cpu"), torch.bfloat16).mask is None


def test_apples_half_precision_gets_a_mask_in_place_of_is_causal(monkeypatch):
    apple = torch.device("mps")
    assert hides_the_future(torch.device("cuda"), torch.bfloat16)
    assert hides_the_future(apple, torch.float32)
    assert not hides_the_future(apple, torch.float16)
    assert not hides_the_future(apple, torch.bfloat16)
    q, k, v = (torch.randn(2, 3, 23, 8) for _ in range(3))
    expected = cached_attention(q, k, v, causal=True)
    monkeypatch.setattr(forms, "hides_the_future", lambda device, dtype: False)
    assert_precise(cached_attention(q, k, v, causal=True), expected, torch.float32)


def test_what_the_mask_hides_is_not_heard():
    q = torch.randn(2, 2, 1, 8)
    k, v = (torch.randn(2, 2, 12, 8) for _ in range(2))
    mask = (torch.arange(12) < torch.tensor([12, 5])[:, None])[:, None, None]
    before = cached_attention(q, k, v, mask)
    k[1, :, 5:], v[1, :, 5:] = 1e3, 1e3
    assert torch.equal(cached_attention(q, k, v, mask), before)


@pytest.mark.parametrize("masked", [False, True])
def test_query_blocks_have_the_same_values_and_gradients(masked):
    generator = torch.Generator().manual_seed(0)
    parts = [torch.randn(2, 3, 70, 8, generator=generator) for _ in range(3)]
    mask = (torch.arange(70) < torch.tensor([[70], [50]]))[:, None, None, :] if masked else None
    results = []
    for size in (70, 32):
        q, k, v = (part.clone().requires_grad_(True) for part in parts)
        out = query_blocks(q, k, v, mask, size)
        out.square().sum().backward()
        results.append([out, q.grad, k.grad, v.grad])
    for one, other in zip(*results, strict=True):
        assert_near(one, other)


def test_query_blocks_keep_no_scores():
    """Values saved for the backward pass: those of q, k and v, not 2 x 256 x 256."""
    q, k, v = (torch.randn(1, 2, 256, 4, requires_grad=True) for _ in range(3))
    kept: list[int] = []

    def keep(tensor):
        kept.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        query_blocks(q, k, v, None, 64)
    assert sum(kept) <= 4 * q.numel()


def test_causal_blocks_have_the_same_values_and_gradients():
    generator = torch.Generator().manual_seed(0)
    parts = [torch.randn(2, 3, 70, 8, generator=generator) for _ in range(3)]
    results = []
    for work in (
        lambda *qkv: cached_attention(*qkv, causal=True),
        lambda *x: causal_blocks(*x, 32),
    ):
        q, k, v = (part.clone().requires_grad_(True) for part in parts)
        out = work(q, k, v)
        out.square().sum().backward()
        results.append([out, q.grad, k.grad, v.grad])
    for one, other in zip(*results, strict=True):
        assert_near(one, other)


def test_rows_of_a_batch_that_learns_are_those_alone():
    """To the bit, gradients too; nothing comes back to what lies behind a row."""
    torch.manual_seed(0)
    lengths = [7, 3, 5]
    whole = [torch.randn(3, 2, 7, 4, requires_grad=True) for _ in range(3)]
    found = attention(*whole, RowLengths(tuple(lengths), None))
    weight = torch.randn_like(found)
    for row, n in enumerate(lengths):
        weight[row, :, n:] = 0
    (found * weight).sum().backward()
    for row, n in enumerate(lengths):
        alone = [x.detach()[row : row + 1, :, :n].requires_grad_() for x in whole]
        out = attention(*alone)
        assert torch.equal(found[row : row + 1, :, :n], out)
        (out * weight[row : row + 1, :, :n]).sum().backward()
        for x, y in zip(whole, alone, strict=True):
            assert torch.equal(x.grad[row : row + 1, :, :n], y.grad)
            assert not x.grad[row, :, n:].any()
