"""Every rule is tripped once, and left alone by a call that differs in what it is about."""

from __future__ import annotations

import pytest
import torch

from mpsaudit.calls import base_name, bind
from mpsaudit.rules import RULES, rules_for
from tests.mpsaudit.arguments import conv_back

HUGE = 2**31 + 8
NOW, OLD = "2.13.0", "2.3.1"


def big(*shape, dtype=torch.float32):
    """A tensor of that size that takes no memory."""
    return torch.zeros(1, dtype=dtype).expand(shape)


def z(*shape, dtype=torch.float32):
    return torch.zeros(shape, dtype=dtype)


INT, HALF, CPLX, DBL = torch.int64, torch.float16, torch.complex64, torch.float64
BOOL = torch.bool


def conv(image, weight, transposed=False):
    n = image.dim() - 2
    return (image, weight, None, [1] * n, [0] * n, [1] * n, transposed, [0] * n, 1)


def kernel(image, weight):
    """The arguments of `_mps_convolution`, in its order."""
    n = image.dim() - 2
    return (image, weight, None, [0] * n, [1] * n, [1] * n, 1)


def lstm(weights):
    return (z(3, 2, 4), [z(1, 2, 5)] * 2, [z(1)] * weights, True, 1, 0.0, False, False, False)


def sdpa(queries, width, mask, keys=40, dtype=torch.float32):
    query, key = z(2, 4, queries, width, dtype=dtype), z(2, 4, keys, width, dtype=dtype)
    return (query, key, key, mask)


ROW = (z(1, 1, 70_000), z(4, 1, 3))
SHORT = (z(1, 1, 9), z(4, 1, 3))
SDPA = "_scaled_dot_product_attention_math_for_mps"
FACTOR = "linalg_lu_factor_ex"
# rule, operator, arguments that trip it, arguments that do not[, torch, macOS]
TRIPS = [
    ("conv-65536", "convolution", conv(*ROW), conv(*SHORT), NOW, "14.4"),
    ("conv-65536", "_mps_convolution", kernel(*ROW), kernel(*SHORT), NOW, "14.4"),
    ("conv-65536", "convolution_backward", conv_back(z(1, 4, 70_000), *SHORT),
     conv_back(z(1, 4, 7), *SHORT), NOW, "14.4"),
    ("conv-65536-all", "convolution", conv(*ROW), conv(*SHORT), "2.5.1", "15.5"),
    ("conv-64-bit", "convolution", conv(big(1, 1, HUGE), z(4, 1, 3)), conv(*SHORT)),
    ("conv-dtype", "convolution", conv(z(1, 1, 9, dtype=INT), z(4, 1, 3, dtype=INT)), conv(*SHORT)),
    ("conv-transpose-3d", "convolution", conv(z(1, 1, 2, 2, 2, dtype=HALF),
     z(1, 1, 2, 2, 2, dtype=HALF), True), conv(z(1, 1, 2, 2, 2), z(1, 1, 2, 2, 2), True)),
    ("conv-3d", "convolution", conv(z(1, 1, 2, 2, 2), z(1, 1, 2, 2, 2)), conv(*SHORT), OLD, "13.0"),
    ("dim-int-max", "mm", (big(HUGE, 2), z(2, 2)), (z(2, 2), z(2, 2))),
    ("bmm-dim", "bmm", (big(1, 2**32 + 1, 1), z(1, 1, 1)), (z(1, 2, 2), z(1, 2, 2))),
    ("bmm-total", "bmm", (big(2, 2**17, 1), big(2, 1, 2**17)), (z(1, 2, 2), z(1, 2, 2)), NOW,
     "14.4"),
    ("linear-dtype", "linear", (z(2, 3, dtype=INT), z(4, 3, dtype=INT)), (z(2, 3), z(4, 3))),
    ("matmul-int", "mm", (z(2, 2, dtype=INT),) * 2, (z(2, 2),) * 2, "2.6.0", "15.5"),
    ("addbmm-dtype", "baddbmm", (z(1, 2, 2, dtype=INT),) * 3, (z(1, 2, 2),) * 3),
    ("addr-dtype", "addr", (z(2, 2, dtype=INT), z(2, dtype=INT), z(2, dtype=INT)),
     (z(2, 2), z(2), z(2))),
    ("sdpa-dtype", SDPA, (z(1, 1, 2, 2, dtype=DBL),) * 3, (z(1, 1, 2, 2),) * 3),
    ("sdpa-dropout", SDPA, (*(z(1, 1, 2, 2),) * 3, None, 0.1), (z(1, 1, 2, 2),) * 3),
    ("rfft-dtype", "_fft_r2c", (z(8, dtype=torch.bfloat16), [0], 0, True), (z(8), [0], 0, True)),
    ("ifft-dtype", "_fft_c2r", (z(8), [0], 0, 8), (z(8, dtype=CPLX), [0], 0, 8)),
    ("fft-macos", "_fft_r2c", (z(8), [0], 0, True), None, OLD, "13.5"),
    ("complex-macos", "complex", (z(8), z(8)), None, OLD, "13.5"),
    ("adaptive-pool", "_adaptive_avg_pool2d", (z(1, 1, 1, 10), [1, 3]), (z(1, 1, 1, 9), [1, 3])),
    ("adaptive-pool", "_adaptive_avg_pool2d", (z(1, 1, 2, 2), [3, 3]), (z(1, 1, 2, 2), [4, 4])),
    ("adaptive-pool-mixed", "adaptive_max_pool2d", (z(1, 1, 2, 8), [4, 4]), (z(1, 1, 8, 8), [3,
     3])),
    ("lstm-projection", "_lstm_mps", lstm(5), lstm(4)),
    ("qr-dtype", "linalg_qr", (z(3, 3, dtype=DBL),), (z(3, 3),)),
    ("lu-dtype", FACTOR, (z(3, 3, dtype=HALF),), (z(3, 3),)),
    ("lu-complex", FACTOR, (z(3, 3, dtype=CPLX),), (z(3, 3),)),
    ("lu-pivot", FACTOR, (z(3, 3), {"pivot": False}), (z(3, 3),)),
    ("inv-complex", "linalg_inv_ex", (z(3, 3, dtype=CPLX),), (z(3, 3),)),
    ("solve-triangular-dtype", "linalg_solve_triangular",
     (z(3, 3, dtype=DBL), z(3, 3, dtype=DBL), {"upper": True}), (z(3, 3), z(3, 3),
     {"upper": True})),
    ("cholesky-inverse-dtype", "cholesky_inverse", (z(3, 3, dtype=DBL),), (z(3, 3),)),
    ("complex-softmax", "_softmax", (z(3, dtype=CPLX), 0, False), (z(3), 0, False)),
    ("complex-log_softmax", "_log_softmax", (z(3, dtype=CPLX), 0, False), (z(3), 0, False)),
    ("complex-batch_norm", "native_batch_norm", (z(2, 3, dtype=CPLX), None, None, None, None, True,
     0.1, 1e-5), (z(2, 3), None, None, None, None, True, 0.1, 1e-5)),
    ("complex-Mish", "mish", (z(3, dtype=CPLX),), (z(3),)),
    ("complex-max_pool2d", "max_pool2d_with_indices", (z(1, 4, 4, dtype=CPLX), [2, 2]),
     (z(1, 4, 4), [2, 2])),
    ("complex-huber", "huber_loss", (z(3, dtype=CPLX),) * 2, (z(3),) * 2),
    ("complex-nll_loss", "nll_loss_forward", (z(2, 3, dtype=CPLX), z(2, dtype=INT), None, 1, -100),
     (z(2, 3), z(2, dtype=INT), None, 1, -100)),
    ("complex-avg-pool", "avg_pool2d", (z(1, 4, 4, dtype=CPLX), [2, 2]), (z(1, 4, 4), [2, 2])),
    ("complex-upsample", "upsample_nearest1d", (z(1, 1, 4, dtype=CPLX), [8]), (z(1, 1, 4), [8])),
    ("complex-grid", "grid_sampler_2d", (z(1, 1, 2, 2, dtype=CPLX), z(1, 2, 2, 2), 0, 0, False),
     (z(1, 1, 2, 2), z(1, 2, 2, 2), 0, 0, False)),
    ("complex-scan", "cumsum", (z(3, dtype=CPLX), 0), (z(3), 0), "2.8.0", "15.5"),
    ("int64", "softplus", (z(3, dtype=INT),), (z(3),)),
    ("scatter-int64", "scatter_reduce.two", (z(3, dtype=INT), 0, z(3, dtype=INT), z(3, dtype=INT),
     "amax"), (z(3), 0, z(3, dtype=INT), z(3), "amax"), NOW, "14.4"),
    ("index-reduce-dtype", "index_reduce", (z(3, dtype=INT), 0, z(3, dtype=INT), z(3, dtype=INT),
     "amax"), (z(3), 0, z(3, dtype=INT), z(3), "amax")),
    ("embedding-size", "embedding_dense_backward", (big(HUGE, 1), z(3, dtype=INT), 5, -1, False),
     (z(3, 1), z(3, dtype=INT), 5, -1, False)),
    ("nonzero-size", "nonzero", (big(HUGE),), (z(3),)),
    ("masked-fill-size", "masked_fill.Scalar", (big(2**32 + 1), z(1, dtype=torch.bool), 0.0),
     (z(3), z(3, dtype=torch.bool), 0.0)),
    ("index-count", "index.Tensor", (z(*[1] * 17), [z(1, dtype=INT)] * 17),
     (z(1), [z(1, dtype=INT)])),
    ("histogram-size", "_histogramdd_from_bin_cts", (big(2**30 + 1, 1), [3]), (z(3, 1), [3])),
    ("histogram-dtype", "histogram.bin_ct", (z(3, dtype=DBL),), (z(3),)),
    ("bincount-dtype", "bincount", (z(3, dtype=torch.bool),), (z(3, dtype=INT),)),
    ("softmax-half", "_softmax", (z(3, dtype=HALF), 0, True), (z(3, dtype=HALF), 0, False)),
    ("topk-rank", "topk", (z(1, 1, 1, 1, 4), 1, 0), (z(1, 1, 1, 1, 4), 1), "2.8.0", "15.5"),
    ("qr-size", "linalg_qr", (big(513, 600),), (big(512, 600),)),
    ("avg-pool-divisor", "avg_pool2d", (z(1, 4, 4, dtype=INT), [2, 2], {"divisor_override": 2}),
     (z(1, 4, 4), [2, 2], {"divisor_override": 2})),
    ("conv-65536-wrong", "convolution", conv(*ROW), conv(*SHORT), OLD, "15.5"),
    ("conv2d-channels", "convolution", conv(z(1, 1, 3, 3), big(70_000, 1, 3, 3)),
     conv(z(1, 1, 1, 3), big(70_000, 1, 1, 3))),
    ("conv3d-macos-26", "convolution", conv(z(1, 1, 2, 2, 2), z(1, 1, 2, 2, 2)), conv(*SHORT), NOW,
     "26.2"),
    ("sdpa-mask-rows", SDPA, sdpa(1, 64, z(2, 1, 1, 40, dtype=BOOL)),
     sdpa(1, 64, z(1, 1, 1, 40, dtype=BOOL)), "2.12.1", "15.5"),
    ("sdpa-mask-rows", SDPA, sdpa(1, 64, z(2, 1, 1, 40, dtype=BOOL)),
     sdpa(1, 64, z(2, 4, 1, 40, dtype=BOOL)), "2.8.0", "15.5"),
    ("sdpa-mask-rows", SDPA, sdpa(1, 128, z(2, 1, 1, 40, dtype=BOOL)),
     sdpa(1, 128, z(2, 1, 1, 40)), "2.8.0", "15.5"),
    ("sdpa-mask", SDPA, sdpa(1, 64, z(1, 1, 1, 40, dtype=BOOL)),
     sdpa(1, 32, z(1, 1, 1, 40, dtype=BOOL)), "2.11.0", "15.5"),
    ("sdpa-mask", SDPA, sdpa(8, 64, z(1, 1, 8, 40, dtype=BOOL)),
     sdpa(9, 64, z(1, 1, 9, 40, dtype=BOOL)), "2.11.0", "15.5"),
    ("sdpa-half-1024", SDPA, sdpa(1, 64, None, 1024, HALF), sdpa(1, 64, None, 1023, HALF),
     "2.10.0", "15.5"),
    ("sdpa-causal-half", "scaled_dot_product_attention",
     (*sdpa(17, 64, None, 17, HALF)[:3], None, 0.0, True),
     (*sdpa(17, 64, None, 17)[:3], None, 0.0, True), "2.10.0", "15.5"),
    ("linear-strides", "linear", (z(2, 3), z(3, 4).t()), (z(2, 3), z(4, 3)), "2.8.0", "15.5"),
    ("linear-strides", "linear", (z(3, 2).t(), z(4, 3)), (z(2, 3), z(4, 3)), "2.8.0", "15.5"),
    ("linear-half-3d", "linear", (z(2, 5, 3, dtype=HALF), z(4, 3, dtype=HALF)),
     (z(2, 5, 3, dtype=HALF), z(4, 3, dtype=HALF), z(4, dtype=HALF)), "2.11.0", "26.1"),
    ("linear-half-3d", "linear", (z(2, 5, 3, dtype=HALF), z(4, 3, dtype=HALF)),
     (z(10, 3, dtype=HALF), z(4, 3, dtype=HALF)), "2.11.0", "26.1"),
    ("sync", "nonzero", (z(3),), None),
    ("sync", "_local_scalar_dense", (z(1),), None),
    ("sync", "equal", (z(1), z(1)), None),
    ("sync-repeats", "repeat_interleave.self_Tensor", (z(3), z(3, dtype=INT)), None),
    ("sync-repeats", "repeat_interleave.Tensor", (z(3, dtype=INT),), None),
    ("sync-deviation", "normal.Tensor_Tensor", (z(3), z(3)), None),
    ("sync-fill", "masked_fill.Tensor", (z(3), z(3, dtype=torch.bool), z(1)), None),
    ("sync-mask", "index.Tensor", (z(3), [z(3, dtype=torch.bool)]), (z(3), [z(2, dtype=INT)])),
]  # fmt: skip


def hit(rule, operator, arguments, version, macos):
    keywords = arguments[-1] if isinstance(arguments[-1], dict) else {}
    values = arguments[: len(arguments) - bool(keywords)]
    call = bind(f"aten::{operator}", values, keywords)
    found = next(r for r in rules_for(base_name(operator)) if r.id == rule)
    return found.applies(version, macos) and found.broken(call)


@pytest.mark.parametrize("trip", TRIPS, ids=lambda trip: f"{trip[0]}-{trip[1]}")
def test_it_trips(trip):
    rule, operator, bad, good, *versions = trip
    version, macos = versions or (NOW, "15.5")
    assert hit(rule, operator, bad, version, macos)
    if good is not None:
        assert not hit(rule, operator, good, version, macos)


def test_none_is_left_out():
    assert {rule.id for rule in RULES} == {trip[0] for trip in TRIPS}


@pytest.mark.parametrize(
    ("rule", "wrong", "right"),
    [
        ("sdpa-mask-rows", "2.12.1", "2.13.0"),
        ("sdpa-mask", "2.11.0", "2.12.1"),
        ("sdpa-half-1024", "2.10.0", "2.11.0"),
        ("sdpa-causal-half", "2.13.0", "2.14.0"),
        ("linear-strides", "2.8.0", "2.9.1"),
        ("linear-half-3d", "2.12.1", "2.13.0"),
    ],
)
def test_the_version_that_mends_a_wrong_number(rule, wrong, right):
    found = next(r for r in RULES if r.id == rule)
    assert found.applies(wrong, "26.1")
    assert not found.applies(right, "26.1")
