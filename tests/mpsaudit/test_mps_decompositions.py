"""Where the device takes another path than the CPU: which kernel, and when."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from mpsaudit.operator_table import load
from mpsaudit.portable import trace

NOW = "2.13.0"


def test_attention_by_gradient_layout_and_system():
    def reached(grad=False, dense=True, macos=("15.5",), **options):
        q = torch.randn(1, 2, 6, 8) if dense else torch.randn(1, 6, 2, 8).transpose(1, 2)
        q.requires_grad_(grad)
        work = lambda: F.scaled_dot_product_attention(q, q, q, **options)  # noqa: E731
        return trace(work, load(NOW), macos)[1]

    fused = "aten::_scaled_dot_product_attention_math_for_mps"
    assert fused in reached()
    assert fused not in reached(grad=True)
    assert fused not in reached(dropout_p=0.1)
    assert fused in reached(dense=False)
    assert fused not in reached(dense=False, macos=("14.4",))
    assert "aten::bmm" in reached(dense=False, macos=("15.5", "14.4"))
    assert not any("flash" in name for name in reached(grad=True))


def test_wrong_numbers_of_attention_and_linear_are_found():
    """Of older versions: where MPS takes the fused kernel, and where it does not."""
    q, half = torch.randn(2, 4, 1, 64), torch.randn(1, 2, 16, 64, dtype=torch.bfloat16)
    mask = torch.ones(2, 1, 1, 1, dtype=torch.bool)
    weight = torch.randn(8, 4).t()

    def reasons(work, version):
        findings = trace(work, load(version), ("15.5",))[0]
        return " ".join(f.reason for f in findings if f.severity == "wrong-number")

    def masked():
        return F.scaled_dot_product_attention(q, q, q, attn_mask=mask)

    def causal(grad=False):
        x = half.clone().requires_grad_(grad)
        return F.scaled_dot_product_attention(x, x, x, is_causal=True)

    assert "first row" in reasons(masked, "2.12.1")
    assert reasons(masked, "2.13.0") == ""
    assert "later positions" in reasons(causal, "2.10.0")
    assert "later positions" in reasons(lambda: causal(grad=True), "2.10.0")
    assert "not contiguous" in reasons(lambda: F.linear(torch.ones(1, 8), weight), "2.8.0")


def test_what_the_device_keeps_whole():
    x = torch.randn(2, 3, 4)
    lstm, linear = nn.LSTM(4, 5), nn.Linear(4, 4)
    assert "aten::_lstm_mps" in trace(lambda: lstm(x), load(NOW), ("15.5",))[1]
    for context in (torch.no_grad, torch.inference_mode):
        reached = trace(context()(lambda: linear(x)), load(NOW), ("15.5",))[1]
        assert "aten::linear" in reached
        assert "aten::addmm" not in reached
    reached = trace(lambda: lstm(x)[0].sum().backward(), load(NOW), ("15.5",))[1]
    assert not any("mkldnn" in name for name in reached)


def test_convolutions_end_in_kernels_of_their_own():
    def reached(layer):
        x = torch.randn(1, 2, 9, requires_grad=True)
        return trace(lambda: layer(x).sum().backward(), load(NOW), ("15.5",))[1]

    plain, transposed = reached(nn.Conv1d(2, 2, 3)), reached(nn.ConvTranspose1d(2, 2, 3))
    assert {"aten::_mps_convolution", "aten::mps_convolution_backward"} <= plain
    assert {
        "aten::_mps_convolution_transpose",
        "aten::mps_convolution_transpose_backward",
    } <= transposed


def test_rms_norm_is_fused_only_without_gradients():
    def reached(grad, weight):
        x = torch.randn(2, 4, requires_grad=grad)
        scale = torch.ones(4) if weight else None
        return trace(lambda: F.rms_norm(x, (4,), scale), load(NOW), ("15.5",))[1]

    assert "aten::_fused_rms_norm" in reached(grad=False, weight=True)
    assert "aten::_fused_rms_norm" not in reached(grad=True, weight=True)
    assert "aten::_fused_rms_norm" not in reached(grad=False, weight=False)


def test_multi_head_attention_takes_no_fast_path_of_the_cpu():
    net = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    with torch.no_grad():
        reached = trace(lambda: net(torch.randn(1, 5, 8)), load(NOW), ("15.5",))[1]
    assert not any("transformer_encoder" in name for name in reached)
