"""What to write instead: operator or reason -> the portable form. Knows no engine."""

from __future__ import annotations

OPERATORS: dict[str, str] = {
    "unfold_backward": (
        "torch.istft runs it: invert with irfft and add shifted frames "
        "(vivavoce.audio.stft), native since torch 2.3 and faster on the CPU too"
    ),
    "im2col": "use Tensor.unfold on a padded tensor instead of F.unfold, or torch 2.6",
    "col2im": "add shifted slices instead of F.fold, or torch 2.8",
    "logspace": "10 ** torch.linspace(...)",
    "mode": "torch.bincount(x).argmax() for integers",
    "take": "x.flatten().index_select(0, indices.flatten()).view_as(indices)",
    "put_": "flatten and index_copy_ or scatter_",
    "_ctc_loss": "compute the loss on the CPU: ctc_loss(log_probs.cpu(), ...)",
    "_ctc_loss_backward": "compute the loss on the CPU: ctc_loss(log_probs.cpu(), ...)",
    "linalg_svd": "do it on the CPU once, when loading; avoid it per call",
    "_linalg_svd": "do it on the CPU once, when loading; avoid it per call",
    "_linalg_eigh": "do it on the CPU once, when loading",
    "linalg_eig": "do it on the CPU once, when loading",
    "_linalg_eigvals": "do it on the CPU once, when loading",
    "linalg_eigvals": "do it on the CPU once, when loading",
    "linalg_lstsq": "solve the normal equations with torch.linalg.solve, or use the CPU",
    "linalg_matrix_exp": "do it on the CPU, or use a truncated series of matmuls",
    "matrix_exp": "do it on the CPU, or use a truncated series of matmuls",
    "linalg_qr": "keep min(m, n) <= 512 and float32, or do it on the CPU once",
    "adaptive_avg_pool3d": "matmul with an averaging matrix",
    "_adaptive_avg_pool3d": "matmul with an averaging matrix",
    "channel_shuffle": "view, transpose, reshape",
    "native_channel_shuffle": "view, transpose, reshape",
    "heaviside": "torch.where(x > 0, 1.0, torch.where(x == 0, values, 0.0))",
    "frexp": "exponent = x.abs().log2().floor() + 1; mantissa = x / 2**exponent",
    "poisson": "draw it on the CPU and move it",
    "binomial": "draw it on the CPU and move it",
    "rrelu_with_noise": "use leaky_relu",
    "embedding_renorm_": "normalise the table once instead of max_norm",
    "segment_reduce": "scatter_add or index_add over segment numbers",
    "native_group_norm_backward": "torch 2.13, or train elsewhere",
    "_fused_rms_norm": "write x * rsqrt(x.square().mean(-1, keepdim=True) + eps) when training",
    "_fused_rms_norm_backward": "write x * rsqrt(x.square().mean(-1, keepdim=True) + eps)",
    "_fused_adagrad_": "fused=False",
    "_int_mm": "multiply in float16 or float32",
    "_scaled_mm": "multiply in float16 or float32",
    "linalg_lu_factor_ex": "float32 and pivot=True, or the CPU",
    "special_log_ndtr": "torch.log(0.5 * torch.erfc(-x * 0.5**0.5)) where x is not far below zero",
    "upsample_nearest3d": "repeat_interleave along each dimension, or torch 2.8",
    "isneginf": "x == -float('inf')",
    "nonzero": "keep masks as masks (torch.where with two branches) where the count is not needed",
    "_local_scalar_dense": "keep the number on the device, or read many at once, once a step",
    "equal": "compare on the CPU before moving, or leave the check out",
    "masked_select": "torch.where, or index with positions known on the CPU",
    "repeat_interleave": "give output_size=, or build the positions on the CPU",
    "searchsorted": "sum of comparisons for short tables, or on the CPU before moving",
    "bucketize": "sum of comparisons for short tables, or on the CPU before moving",
    "mps_convolution_backward": "train on shorter segments",
}
REASONS: tuple[tuple[str, str], ...] = (
    (
        "65536",
        "cut the signal into windows in time with a halo (vivavoce.nn.windows does it exactly), "
        "or require macOS 15.1",
    ),
    (
        "float64",
        "make tables in float64 on the CPU, cast to float32, then move "
        "(if it never leaves the CPU this is a false alarm: --strict can tell)",
    ),
    ("does not have support for that dtype", "convert to float32, float16 or an integer type"),
    ("Adaptive pool", "matmul with an averaging matrix, or pad to a multiple"),
    ("Convolution is supported only for Floating", "convert to float32 before the convolution"),
    ("LSTM with projections", "an LSTM without proj_size, then a linear layer on its output"),
    ("Only float and half dtypes", "convert to float32 before the transform"),
    ("non-float input", "convert to float32 before the product"),
    (
        "for complex is not supported",
        "work on torch.view_as_real(x), or on real and imaginary part",
    ),
    ("requires macOS 15", "use int32 or float32"),
    ("half to float", "x.float().softmax(...)"),
    ("only supports float", "convert to float32, or do it on the CPU once"),
    ("wrong numbers", "avoid it on this system: no error will tell you"),
    ("slow_conv2d_forward", "make the batch or the signal shorter"),
)
SILENT = "it would run on the CPU behind your back: do it there on purpose, or avoid it"
NOTHING = "use other operators, or run this part on the CPU on purpose"


def advice(name: str, reason: str = "") -> str:
    """What to use instead of an operator (`aten::op.overload`), given why it was reported."""
    for words, form in REASONS:
        if words in reason:
            return form
    base = name.rpartition("::")[2].partition(".")[0]
    if base in OPERATORS:
        return OPERATORS[base]
    return SILENT if "CPU" in reason else NOTHING if "waits" not in reason else ""
