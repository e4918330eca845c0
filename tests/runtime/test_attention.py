"""Every form gives what the formula says, and a shorter row does not see its padding."""

from __future__ import annotations

import pytest
import torch

from tests.tolerance import PRODUCT, assert_near, assert_precise
from vivavoce.runtime.attention import (
    attention,
    cached_attention,
    causal_blocks,
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
    with torch.inference_mode():
        out = attention(q, k, v, (40, 25), separate)
        spoilt = [t.clone() for t in (q, k, v)]
        for tensor in spoilt:
            tensor[1, :, 25:] = 100.0
        again = attention(*spoilt, (40, 25), separate)
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
