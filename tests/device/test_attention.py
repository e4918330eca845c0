"""Every form gives what the formula says, and a shorter row does not see its padding."""

from __future__ import annotations

import pytest
import torch

from vivavoce.device.attention import attention


def formula(q, k, v):
    scores = q.double() @ k.double().transpose(-1, -2)
    return scores.softmax(-1) @ v.double()


@pytest.fixture(params=[False, True], ids=["fused", "separate"])
def separate(request):
    if request.param and not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        pytest.skip("oneDNN is not built into this torch")
    return request.param


@pytest.mark.parametrize(("dtype", "limit"), [(torch.float32, 1e-6), (torch.bfloat16, 2e-2)])
def test_whole_rows(dtype, limit, separate, monkeypatch):
    monkeypatch.setattr("vivavoce.device.attention.BLOCK_BYTES", 2000)
    q, k, v = (torch.randn(2, 3, 40, 16).to(dtype) for _ in range(3))
    q = q / 4
    with torch.inference_mode():
        out = attention(q, k, v, separate=separate)
    assert out.dtype == dtype
    assert float((out - formula(q, k, v)).abs().max()) <= limit


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
