"""Operators that speech models use, forward and backward, and what becomes of each on MPS.

Every case takes no arguments, makes its tensors on the default device (so it runs on a stand-in as
well) and says what torch 2.13 on macOS 15.5 does: "" nothing to report above info. `NAMED.<name>`
is how another process finds one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ERROR, SILENT = "error", "silent-cpu"
CASES: dict[str, Callable[[], object]] = {}
EXPECTED: dict[str, str] = {}
OPERATORS: dict[str, str] = {}
"""The operator a failing case is about, without namespace and overload."""


def both(name: str, work: Callable[[bool], Any], forward: str = "", backward: str | None = None,
         operator: str = "", backward_operator: str = "") -> None:  # fmt: skip
    """Two cases of `work(grad)`: `name`, and `name_backward` with gradients to its leaves."""
    only(name, partial(work, False), forward, operator)
    expected = forward if backward is None else backward
    only(f"{name}_backward", partial(_back, work), expected, backward_operator or operator)


def only(name: str, work: Callable[[], Any], expected: str = "", operator: str = "") -> None:
    CASES[name], EXPECTED[name], OPERATORS[name] = work, expected, operator


def _back(work: Callable[[bool], Any]) -> None:
    """The gradient of the mean square of everything that has one."""
    losses = [_square(t) for t in _flat(work(True)) if t.requires_grad]
    assert losses
    torch.stack(losses).sum().backward()


def _square(tensor: Tensor) -> Tensor:
    real = torch.view_as_real(tensor) if tensor.is_complex() else tensor
    return real.square().mean()


def _flat(out: Any) -> list[Tensor]:
    if isinstance(out, Tensor):
        return [out]
    return [t for part in out for t in _flat(part)] if isinstance(out, Sequence) else []


def r(*shape: int, grad: bool = False) -> Tensor:
    return torch.randn(shape).requires_grad_(grad)


def spd(n: int, grad: bool = False) -> Tensor:
    """A symmetric positive definite matrix."""
    root = r(n, n)
    return (root @ root.T + n * torch.eye(n)).requires_grad_(grad)


def ids(*shape: int, high: int = 5) -> Tensor:
    return torch.randint(0, high, shape)


def stft(x: Tensor) -> Tensor:
    return torch.stft(x, 64, 16, window=torch.hann_window(64), return_complex=True)


def packed(kind: Any, grad: bool) -> Any:
    net = kind(4, 5).requires_grad_(grad)
    lengths = torch.tensor([6, 3], device="cpu")
    return net(nn.utils.rnn.pack_padded_sequence(r(6, 2, 4, grad=grad), lengths))[0].data


def net(make: Callable[[], nn.Module], *shape: int) -> Callable[[bool], Any]:
    return lambda g: make().requires_grad_(g)(r(*shape, grad=g))


def attention(grad: bool, **options: Any) -> Tensor:
    q, k, v = (r(1, 2, 6, 8, grad=grad) for _ in range(3))
    return F.scaled_dot_product_attention(q, k, v, **options)


# Signals.
both("istft", lambda g: torch.istft(stft(r(1, 256, grad=g)), 64, 16, window=torch.hann_window(64)))
both("stft", lambda g: stft(r(1, 256, grad=g)))
both("rfft_irfft", lambda g: torch.fft.irfft(torch.fft.rfft(r(2, 32, grad=g))))
both("complex_exp", lambda g: torch.exp(1j * r(8, grad=g)))
both("polar", lambda g: torch.polar(r(8, grad=g).abs(), r(8, grad=g)))
both("angle", lambda g: torch.angle(torch.complex(r(8, grad=g), r(8, grad=g))))
both("fold", lambda g: F.fold(r(1, 4, 9, grad=g), (1, 12), (1, 4)))
both("unfold", lambda g: F.unfold(r(1, 2, 1, 12, grad=g), (1, 4)))
both("tensor_unfold", lambda g: r(1, 32, grad=g).unfold(-1, 8, 4))
both("reflect_pad", lambda g: F.pad(r(1, 2, 16, grad=g), (3, 3), mode="reflect"))
both("interpolate", lambda g: F.interpolate(r(1, 2, 8, grad=g), scale_factor=2.0, mode="linear"))
both("grid_sample", lambda g: F.grid_sample(r(1, 1, 4, 4, grad=g), r(1, 3, 3, 2, grad=g),
                                            align_corners=False))  # fmt: skip
# Layers.
both("linear", net(lambda: nn.Linear(4, 5), 2, 3, 4))
both("conv1d", net(lambda: nn.Conv1d(3, 4, 5, padding=2), 2, 3, 16))
both("conv1d_wide", net(lambda: nn.Conv1d(1, 70_000, 1), 1, 1, 2))
both("conv2d", net(lambda: nn.Conv2d(1, 4, 3, stride=2), 2, 1, 9, 9))
both("conv_transpose1d", net(lambda: nn.ConvTranspose1d(3, 4, 8, 4), 2, 3, 8))
both("depthwise_conv", net(lambda: nn.Conv1d(4, 4, 3, groups=4), 1, 4, 9))
both("weight_norm", net(lambda: nn.utils.parametrizations.weight_norm(nn.Conv1d(2, 2, 3)), 1, 2, 9))
both("layer_norm", net(lambda: nn.LayerNorm(8), 2, 3, 8))
both("group_norm", net(lambda: nn.GroupNorm(2, 4), 2, 4, 9))
both("batch_norm", net(lambda: nn.BatchNorm1d(4), 2, 4, 9))
both("instance_norm", net(lambda: nn.InstanceNorm1d(4, affine=True), 2, 4, 9))
both("rms_norm", net(lambda: nn.RMSNorm(8), 2, 3, 8))
both("embedding", lambda g: F.embedding(ids(2, 3), r(5, 4, grad=g)))
both("lstm", lambda g: nn.LSTM(4, 5, 2, bidirectional=True).requires_grad_(g)(r(6, 2, 4, grad=g)))
both("lstm_cell", lambda g: nn.LSTMCell(4, 5).requires_grad_(g)(r(2, 4, grad=g)))
both("gru", lambda g: nn.GRU(4, 5).requires_grad_(g)(r(6, 2, 4, grad=g)))
both("packed_lstm", lambda g: packed(nn.LSTM, g))
both("packed_gru", lambda g: packed(nn.GRU, g))
both("sdpa", lambda g: attention(g))
both("sdpa_causal", lambda g: attention(g, is_causal=True))
both("sdpa_dropout", lambda g: attention(g, dropout_p=0.1))
both("sdpa_mask", lambda g: attention(g, attn_mask=torch.ones(6, 6, dtype=torch.bool).tril()))
both("mha", lambda g: nn.MultiheadAttention(8, 2).requires_grad_(g)(*[r(5, 1, 8, grad=g)] * 3))
both(
    "encoder", lambda g: nn.TransformerEncoderLayer(8, 2, 16).requires_grad_(g)(r(5, 1, 8, grad=g))
)
ACTIVATIONS = (
    F.gelu, F.silu, F.mish, F.elu, F.softplus, F.leaky_relu, F.hardtanh, F.logsigmoid,
)  # fmt: skip
both("activations", lambda g: [f(r(8, grad=g)) for f in ACTIVATIONS])
both("snake", lambda g: (lambda x: x + torch.sin(2 * x).square() / 2)(r(8, grad=g)))
both("softmax", lambda g: [r(2, 8, grad=g).softmax(-1), r(2, 8, grad=g).log_softmax(-1)])
both(
    "max_pool",
    lambda g: [F.max_pool1d(r(1, 2, 9, grad=g), 3), F.max_pool2d(r(1, 2, 9, 9, grad=g), 3)],
)
both("avg_pool", lambda g: F.avg_pool1d(r(1, 2, 9, grad=g), 3))
both("adaptive_pool", lambda g: F.adaptive_avg_pool1d(r(1, 2, 9, grad=g), 3))
both("adaptive_pool_uneven", lambda g: F.adaptive_avg_pool1d(r(1, 2, 10, grad=g), 3), ERROR,
     operator="_adaptive_avg_pool2d")  # fmt: skip
both("losses", lambda g: torch.stack([F.mse_loss(r(4, grad=g), r(4)), F.l1_loss(r(4, grad=g), r(4)),
     F.cross_entropy(r(4, 5, grad=g), ids(4)), F.binary_cross_entropy_with_logits(r(4, grad=g),
     torch.ones(4)), F.smooth_l1_loss(r(4, grad=g), r(4))]))  # fmt: skip
# Data-dependent work, indices.
both("boolean_mask", lambda g: (lambda x: x[x.detach() > 0])(r(64, grad=g)))
both("masked_write", lambda g: (lambda x: x.masked_fill(x.detach() > 0, 0.0))(r(8, grad=g)))
both("gather_scatter", lambda g: torch.zeros(4, 5).scatter_add(1, ids(4, 5),
     r(4, 5, grad=g).gather(1, ids(4, 5))))  # fmt: skip
both("index_select", lambda g: r(5, 3, grad=g).index_select(0, ids(4)))
both("index_add", lambda g: torch.zeros(5, 3).index_add(0, ids(4), r(4, 3, grad=g)))
both("repeat_interleave", lambda g: r(5, 3, grad=g).repeat_interleave(ids(5, high=4) + 1, dim=0))
both("cumsum", lambda g: r(3, 8, grad=g).cumsum(-1))
both("sort_topk", lambda g: [r(9, grad=g).sort()[0], r(9, grad=g).topk(3)[0]])
both("where", lambda g: (lambda x: torch.where(x.detach() > 0, x, -x))(r(8, grad=g)))
both("einsum", lambda g: torch.einsum("bij,bkj->bik", r(2, 3, 4, grad=g), r(2, 5, 4, grad=g)))
both("statistics", lambda g: [f(r(3, 8, grad=g)) for f in (torch.mean, torch.std, torch.var,
     lambda x: x.logsumexp(-1), lambda x: x.amax(-1), torch.linalg.norm)])  # fmt: skip
only("cumsum_int64", lambda: ids(3, 8).cumsum(-1))
only("item", lambda: float(r(3).sum().item()))
only("nonzero", lambda: (r(16) > 0).nonzero())
only("unique", lambda: torch.unique(ids(16)))
only("multinomial", lambda: torch.multinomial(r(3, 8).softmax(-1), 2))
only("searchsorted", lambda: torch.searchsorted(torch.arange(8.0), r(4)))
only("bucketize", lambda: torch.bucketize(r(4), torch.arange(8.0)))
only("histc", lambda: torch.histc(r(16), 4))
only("bincount", lambda: torch.bincount(ids(16)))
only("tables", lambda: [torch.arange(8), torch.linspace(0, 1, 5), torch.eye(3)])
only("windows", lambda: [torch.ones(3, 3).tril(), torch.hann_window(8), torch.tril_indices(3, 3)])
only("random", lambda: [torch.rand(3), torch.randperm(5), torch.randint(5, (3,))])
only("draws", lambda: [torch.bernoulli(torch.rand(3)), torch.normal(0.0, 1.0, (3,))])
only("dropout", lambda: F.dropout(r(8), 0.5))
# Linear algebra.
both("solve", lambda g: torch.linalg.solve(spd(4, g), r(4, 2, grad=g)))
both("inv", lambda g: torch.linalg.inv(spd(4, g)))
both("cholesky", lambda g: torch.linalg.cholesky(spd(4, g)))
both("qr", lambda g: torch.linalg.qr(r(5, 3, grad=g)))
both("matrix_norm", lambda g: torch.linalg.vector_norm(r(5, 3, grad=g), dim=-1))
both("cdist", lambda g: torch.cdist(r(4, 3, grad=g), r(5, 3, grad=g)))
only("svd", lambda: torch.linalg.svd(r(4, 4)), SILENT, "linalg_svd")
only("qr_large", lambda: torch.linalg.qr(r(513, 513)), SILENT, "linalg_qr")
both("eigh", lambda g: torch.linalg.eigh(spd(4, g))[0], ERROR, operator="_linalg_eigh")
only("lstsq", lambda: torch.linalg.lstsq(r(5, 3), r(5, 2)), ERROR, "linalg_lstsq")
# What has no kernel, or is refused.
only("logspace", lambda: torch.logspace(0, 1, 5), ERROR, "logspace")
only("mode", lambda: ids(9).mode(), ERROR, "mode")
both("take", lambda g: r(3, 4, grad=g).take(ids(5)), ERROR, operator="take")
both("ctc", lambda g: F.ctc_loss(r(12, 2, 5, grad=g).log_softmax(-1), ids(2, 3) % 4 + 1,
     torch.tensor([12, 12]), torch.tensor([3, 3])), ERROR, operator="_ctc_loss")  # fmt: skip
only("float64", lambda: torch.ones(3, dtype=torch.float64) * 2, ERROR)
only("to_double", lambda: r(3).double().float(), ERROR)
only("numpy_double", lambda: torch.tensor([1.0], dtype=torch.float64).sqrt(), ERROR)
only("lstm_projection", lambda: nn.LSTM(4, 5, proj_size=3)(r(6, 2, 4)), ERROR, "_lstm_mps")
only("int_linear", lambda: F.linear(ids(2, 3), ids(4, 3)), ERROR, "linear")
only("renorm", lambda: F.embedding(ids(3), r(5, 4), max_norm=1.0), SILENT, "embedding_renorm_")
only("amax_int64", lambda: torch.zeros(4, dtype=torch.int64).scatter_reduce(0, ids(6, high=4),
     ids(6), "amax"))  # fmt: skip

NAMED = SimpleNamespace(**CASES)
