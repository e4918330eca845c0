"""Rules about calls that MPS refuses or gets wrong because of sizes, dtypes or options.

A rule's text is the backend's own message, or cites the report of wrong numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch

from mpsaudit import conditions as on
from mpsaudit.calls import Call
from mpsaudit.findings import Severity
from mpsaudit.versions import Span, within


@dataclass(frozen=True, eq=False)  # each is itself, which is quick to look up
class Rule:
    """Gives `text` where `broken(call)` holds, on those versions of torch and macOS.

    `operators` are names without namespace and overload.
    """

    id: str
    operators: tuple[str, ...]
    broken: Callable[[Call], bool]
    text: str
    severity: Severity = "error"
    torch: Span = ("", "")
    macos: Span = ("", "")

    def applies(self, torch_version: str, macos: str) -> bool:
        return within(torch_version, self.torch) and within(macos, self.macos)


@cache
def rules_for(base: str) -> tuple[Rule, ...]:
    """The rules about an operator, whichever overload."""
    return tuple(rule for rule in RULES if base in rule.operators)


@cache
def in_force(
    rules: tuple[Rule, ...], torch_version: str, macos: tuple[str, ...]
) -> tuple[tuple[Rule, tuple[str, ...]], ...]:
    """Those that apply to this torch on one of these versions of macOS, and on which."""
    hits = ((rule, tuple(m for m in macos if rule.applies(torch_version, m))) for rule in rules)
    return tuple((rule, hit) for rule, hit in hits if hit)


CONV = ("convolution", "_convolution", "_mps_convolution", "_mps_convolution_transpose")
CONV_BACKWARD = (
    "convolution_backward", "mps_convolution_backward", "mps_convolution_transpose_backward",
)  # fmt: skip
MATRIX = ("mm", "addmm", "bmm", "baddbmm", "addbmm", "linear")
SCANS = ("cumsum", "cumsum_", "cumprod", "cumprod_", "logcumsumexp", "_logcumsumexp")
SOFTMAX = ("_softmax", "_log_softmax")
POOLS = (
    "max_pool2d", "max_pool2d_with_indices", "max_pool2d_with_indices_backward",
    "max_pool2d_backward",
)  # fmt: skip
UPSAMPLE = tuple(
    f"upsample_{kind}{back}"
    for kind in ("nearest1d", "nearest2d", "_nearest_exact1d", "_nearest_exact2d", "linear1d",
                 "bilinear2d", "bicubic2d")
    for back in ("", "_backward")
)  # fmt: skip
FUSED = "_scaled_dot_product_attention_math_for_mps"
CHANNELS = "Output channels > 65536 not supported at the MPS device. "
DEEP_CONV = "Conv3D is only supported on MPS for MacOS_13_2 or newer"
SYNC = "waits for the device and reads a value back: everything queued before it must finish"

ERRORS = (
    Rule("conv-65536", CONV + CONV_BACKWARD, on.conv_edge, CHANNELS, torch=("2.6", ""), macos=("",
         "15.1")),
    Rule("conv-65536-all", CONV + CONV_BACKWARD, on.conv_edge, CHANNELS, torch=("2.5", "2.6")),
    Rule("conv-64-bit", CONV, on.conv_64_bit,
         "slow_conv2d_forward: not implemented (the convolution needs 64-bit indexing)"),
    Rule("conv-dtype", CONV + CONV_BACKWARD, on.dtype_not_in(*on.FLOATS, torch.float64),
         "Convolution is supported only for Floating types"),
    Rule("conv-transpose-3d", CONV, on.transposed3d_half,
         "ConvTranspose 3D with BF16 or FP16 types is not supported on MPS"),
    Rule("conv-3d", CONV, on.conv3d(), DEEP_CONV, torch=("", "2.9"), macos=("", "13.2")),
    Rule("dim-int-max", (*MATRIX, *CONV, *SOFTMAX), on.big_dim,
         "MPSGraph does not support tensor dims larger than INT_MAX"),
    Rule("bmm-dim", ("bmm", "baddbmm"), on.bmm_huge_dim,
         "Output dim sizes larger than 2**32 elements for matmul not supported on MPS device."),
    Rule("bmm-total", ("bmm", "baddbmm"), on.bmm_huge_total,
         "Tiling of batch matmul for larger than 2**32 entries only available from MacOS15 onwards",
         macos=("", "15.0")),
    Rule("linear-dtype", ("linear",), on.any_integer,
         "MPS device does not support linear for non-float inputs"),
    Rule("matmul-int", ("mm", "addmm", "bmm"), on.any_integer,
         "MPS device does not support mm for non-float inputs", torch=("", "2.7")),
    Rule("addbmm-dtype", ("addbmm", "baddbmm"), on.any_integer,
         "MPS device does not support addbmm or baddbmm for this input type"),
    Rule("addr-dtype", ("addr",), on.any_integer,
         "MPS device does not support addr for non-float input"),
    Rule("sdpa-dtype", (FUSED,), on.dtype_not_in(*on.FLOATS),
         "scaled_dot_product_attention for MPS does not support dtype"),
    Rule("sdpa-dropout", (FUSED,),
         lambda call: (call["dropout_p"] or 0) > 0,
         "scaled_dot_product_attention for MPS does not support dropout."),
    Rule("rfft-dtype", ("_fft_r2c",), on.dtype_not_in(torch.float32, torch.float16),
         "Only float and half dtypes are supported"),
    Rule("ifft-dtype", ("_fft_c2r",), lambda call: not on.is_complex(call),
         "Input must be complex"),
    Rule("fft-macos", ("_fft_r2c", "_fft_c2r", "_fft_c2c"), on.always,
         "up to torch 2.8 the FFT needs macOS 14", torch=("", "2.9"), macos=("", "14.0")),
    Rule("complex-macos", ("complex", "polar", "view_as_real", "view_as_complex"), on.always,
         "up to torch 2.8 complex numbers need macOS 14", torch=("", "2.9"), macos=("", "14.0")),
    Rule("adaptive-pool", ("_adaptive_avg_pool2d", "_adaptive_avg_pool2d_backward"),
         on.not_divisible,
         "Adaptive pool MPS: input sizes must be divisible by output sizes. Non-divisible input "
         "sizes are not implemented on MPS device yet."),
    Rule("adaptive-pool-mixed", ("_adaptive_avg_pool2d", "adaptive_max_pool2d"), on.mixed_pooling,
         "Adaptive pool MPS: Input height and width must both be greater than, or equal to, or "
         "lesser than output height and width"),
    Rule("lstm-projection", ("_lstm_mps", "lstm"), lambda c: c["params"] and on.projected(c),
         "LSTM with projections is not currently supported with MPS."),
    Rule("qr-dtype", ("linalg_qr",), on.dtype_not_in(torch.float32),
         "linalg_qr: MPS currently supports float32 only"),
    Rule("lu-dtype", ("linalg_lu_factor_ex", "linalg_lu_factor", "linalg_lu"),
         lambda c: on.dtype_of(c) != torch.float32 and not on.is_complex(c),
         "linalg.lu_factor(): MPS only supports floats."),
    Rule("lu-complex", ("linalg_lu_factor_ex", "linalg_lu_factor", "linalg_lu"), on.is_complex,
         "linalg.lu_factor(): MPS doesn't support complex types."),
    Rule("lu-pivot", ("linalg_lu_factor_ex", "linalg_lu_factor", "linalg_lu"),
         lambda call: call["pivot"] is False,
         "linalg.lu_factor(): MPS doesn't allow pivot == False."),
    Rule("inv-complex", ("linalg_inv_ex",), on.is_complex,
         "linalg_inv: not supported for complex types yet!"),
    Rule("solve-triangular-dtype", ("linalg_solve_triangular", "triangular_solve"),
         on.dtype_not_in(torch.float32), "linalg.solve.triangular(); Only float is supported!"),
    Rule("cholesky-inverse-dtype", ("cholesky_inverse",), on.dtype_not_in(torch.float32),
         "cholesky_inverse: MPS only supports float type!"),
    *(
        Rule(f"complex-{title}", operators, on.is_complex,
             f"{title} for complex is not supported for MPS")
        for title, operators in (
            ("softmax", ("_softmax",)),
            ("log_softmax", ("_log_softmax",)),
            ("batch_norm", ("native_batch_norm", "_native_batch_norm_legit")),
            ("Mish", ("mish", "mish_backward")),
            ("max_pool2d", POOLS),
            ("huber", ("huber_loss", "huber_loss_backward")),
            ("nll_loss", ("nll_loss_forward", "nll_loss2d_forward")),
        )
    ),
    Rule("complex-avg-pool", ("avg_pool2d", "avg_pool2d_backward"), on.is_complex,
         "Not implemented for complex"),
    Rule("complex-upsample", UPSAMPLE, on.is_complex,
         "upsample for MPS does not support complex inputs"),
    Rule("complex-grid", ("grid_sampler_2d",), on.is_complex,
         "grid_sampler_2d is not supported for complex on MPS"),
    Rule("complex-scan", SCANS, on.is_complex, "cumulative ops are not yet supported for complex",
         torch=("", "2.9")),
    Rule("int64", ("native_layer_norm", "softplus"), on.dtype_in(torch.int64),
         "Not implemented for long"),
    Rule("scatter-int64", ("scatter_reduce", "scatter_reduce_"),
         lambda call: on.reduces(call, ("amin", "amax")),
         "scatter_reduce(amin/amax) on int64 requires macOS 15 or newer", macos=("", "15.0")),
    Rule("index-reduce-dtype", ("index_reduce", "index_reduce_"), on.dtype_in(torch.int64,
         torch.complex64),
         "index_reduce for MPS does not support torch.long dtype"),
    Rule("embedding-size", ("embedding_dense_backward",), on.numel_over(on.INT_MAX),
         "embedding_dense_backward_mps: tensor is larger than INT32_MAX"),
    Rule("nonzero-size", ("nonzero",), on.numel_over(on.INT_MAX),
         "nonzero is not supported for tensors with more than INT_MAX elements"),
    Rule("masked-fill-size", ("masked_fill", "masked_fill_"), on.numel_over(2**32),
         "masked_fill not supported for tensors of more than 2**32 elements"),
    Rule("index-count", ("index", "index_put", "index_put_", "_index_put_impl_"),
         lambda call: len(call["indices"] or ()) > 16, "Current limit allows up to 16 indices"),
    Rule("histogram-size", ("_histogramdd_from_bin_cts", "_histogramdd_from_bin_tensors"),
         lambda call: any(t.numel() * t.element_size() > 2**32 for t in call.tensors),
         "histogramdd(): Tensor is larger than 4Gb"),
    Rule("histogram-dtype", ("histogram", "_histogramdd_from_bin_cts"),
         on.dtype_not_in(torch.float32),
         "histogram is only supported for float32"),
    Rule("bincount-dtype", ("bincount",), on.dtype_in(torch.bool),
         "bincount is not supported for Bool"),
    Rule("softmax-half", SOFTMAX, lambda call: bool(call["half_to_float"]),
         "softmax with half to float conversion is not supported on MPS"),
    Rule("topk-rank", ("topk",), on.topk_deep, "ndims() - axis > 4, see issue #154890",
         torch=("2.7", "2.9")),
)  # fmt: skip

SILENT = (
    Rule("qr-size", ("linalg_qr",), on.qr_large,
         "linalg_qr: min(m,n) <= 512, falling back to CPU.", "silent-cpu"),
    Rule("avg-pool-divisor", ("avg_pool2d", "avg_pool2d_backward"),
         lambda c: c["divisor_override"] is not None and on.dtype_of(c) == torch.int64,
         "avg_pool2d with divisor_override on int64 runs on the CPU", "silent-cpu"),
)  # fmt: skip

WRONG = (
    Rule("conv-65536-wrong", CONV, on.conv_edge,
         "sizes above 65536 gave wrong numbers before they were refused (pytorch #129207)",
         "wrong-number", torch=("", "2.5")),
    Rule("conv2d-channels", CONV, on.conv2d_channels,
         "conv2d with more than 65536 output channels gives wrong numbers (pytorch #142836)",
         "wrong-number", torch=("2.6", ""), macos=("15.1", "")),
    Rule("conv3d-macos-26", CONV, on.conv3d(),
         "conv3d gives wrong numbers on macOS 26.2 (pytorch #197114)",
         "wrong-number", macos=("26.2", "26.3")),
    Rule("sdpa-mask-rows", (FUSED,), on.mask_differs_by_row,
         "every row of the batch gets the boolean mask of the first row (pytorch #184180)",
         "wrong-number", torch=("2.8", "2.13")),
    Rule("sdpa-mask", (FUSED,), lambda call: on.few_queries(call) and on.boolean_mask(call),
         "few queries with a boolean mask may give wrong numbers (pytorch #182285)",
         "wrong-number", torch=("2.8", "2.12")),
    Rule("sdpa-half-1024", (FUSED,), on.half_many_keys,
         "few half-precision queries on 1,024 or more keys write outside their memory "
         "(pytorch #174861)", "wrong-number", torch=("2.8", "2.11")),
    Rule("sdpa-causal-half", ("scaled_dot_product_attention",),
         lambda call: bool(call["is_causal"]) and on.dtype_of(call) in on.HALVES,
         "is_causal=True in half precision may attend to later positions (pytorch #195910)",
         "wrong-number", torch=("2.8", "2.14")),
    Rule("linear-strides", ("linear",), on.not_contiguous,
         "a linear layer whose weight or input is not contiguous gives wrong numbers "
         "(pytorch #162730)", "wrong-number", torch=("2.8", "2.9")),
    Rule("linear-half-3d", ("linear",), on.half_3d_without_bias,
         "on M5 a half-precision product without bias gives other numbers on every call when its "
         "input has more than two dimensions (pytorch #180776)",
         "wrong-number", torch=("", "2.13"), macos=("26.0", "")),
)  # fmt: skip

SYNCS = (
    Rule("sync", (
        "_local_scalar_dense", "item", "nonzero", "nonzero_numpy", "_unique", "_unique2",
        "unique_dim", "unique_consecutive", "unique_dim_consecutive", "bincount", "histc",
        "searchsorted", "bucketize", "equal", "masked_select", "linalg_inv_ex",
        "linalg_lu_factor_ex", "_linalg_solve_ex", "linalg_qr",
    ), on.always, SYNC, "info"),
    Rule("sync-repeats", ("repeat_interleave",), lambda c: c["repeats"] is not None, SYNC, "info"),
    Rule("sync-deviation", ("normal",), lambda call: isinstance(call["std"], torch.Tensor), SYNC,
         "info"),
    Rule("sync-fill", ("masked_fill", "masked_fill_"),
         lambda call: isinstance(call["value"], torch.Tensor), SYNC, "info"),
    Rule("sync-mask", ("index", "index_put", "index_put_", "_index_put_impl_"), on.masked, SYNC,
         "info"),
)  # fmt: skip

RULES: tuple[Rule, ...] = ERRORS + SILENT + WRONG + SYNCS
