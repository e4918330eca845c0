"""The branches that only a macOS build of torch compiles, restated for the stand-in device.

In C++ they stand under `#ifdef USE_MPS`: convolution, LSTM, attention, RMS norm, copy.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from mpsaudit.versions import number

if TYPE_CHECKING:
    from mpsaudit.operator_table import Table

aten = torch.ops.aten
Kernel = Callable[..., Any]
# Composite for every other backend, one kernel on Macs: they run whole.
MAC_BRANCHES = ("aten::copy_", "aten::convolution", "aten::convolution_backward")
# Run on the CPU in the place of kernels that exist for MPS alone.
GENERIC = ("aten::lstm.input", "aten::scaled_dot_product_attention")
_FUSED_ATTENTION = "aten::_scaled_dot_product_attention_math_for_mps"


@cache
def generic(name: str) -> Kernel:
    """The library's kernel for an operator that was put aside with `standin_kernel(name, 1)`."""
    base, _, overload = name.removeprefix("aten::").partition(".")
    run = getattr(getattr(aten, base), overload or "default")._op_dk
    key = torch._C.DispatchKey.PrivateUse3

    def kernel(*args: Any, **kwargs: Any) -> Any:
        # Its products: with AMX the CPU's fused attention wants AVX-512 of torch as well.
        with sdpa_kernel(SDPBackend.MATH):
            return run(key, *args, **kwargs)

    return kernel if base == "scaled_dot_product_attention" else partial(run, key)


def kernels(table: Table, macos: str) -> dict[tuple[str, str], Kernel]:
    """Kernels by operator and dispatch key, for what this table has."""
    made: dict[tuple[str, str], Kernel] = {}
    if "aten::_lstm_mps" in table.native:
        made["aten::_lstm_mps", "MPS"] = _lstm_mps
        made["aten::lstm_mps_backward", "MPS"] = _lstm_backward
    if "aten::linear_backward" in table.native:
        made["aten::linear_backward", "MPS"] = _linear_backward
    if "aten::max_pool2d_backward" in table.native:
        made["aten::max_pool2d_backward", "MPS"] = _max_pool_backward
    if _FUSED_ATTENTION in table.native:
        made[_FUSED_ATTENTION, "MPS"] = _fused_attention
    fused = _FUSED_ATTENTION in table.native
    for key in ("MPS", "AutogradMPS"):
        if "aten::_lstm_mps" in table.native:
            made["aten::lstm.input", key] = _lstm
        made["aten::scaled_dot_product_attention", key] = _attention(fused, macos)
        if "aten::_fused_rms_norm" in table.native:
            made["aten::rms_norm", key] = _rms_norm
    return made


def _lstm(*args: Any) -> tuple[Tensor, Tensor, Tensor]:
    return aten._lstm_mps(*args)[:3]


def _lstm_mps(image: Tensor, *args: Any) -> tuple[Tensor, ...]:
    """`_lstm_mps`'s six results; what it keeps for backward stays empty, backward runs it again."""
    nothing = image.new_empty(0)
    return (*generic("aten::lstm.input")(image, *args), nothing, nothing, nothing)


def _lstm_backward(
    grad_y: Tensor | None, grad_hy: Tensor | None, grad_cy: Tensor | None,
    z_state: Tensor, cells: Tensor, image: Tensor, layers: Tensor,
    hx: list[Tensor], params: list[Tensor], *options: Any,
) -> tuple[Tensor, list[Tensor], list[Tensor]]:  # fmt: skip
    """The gradient of an LSTM by doing it again on the CPU. Dropout draws another mask."""
    device, wanted = image.device, (grad_y, grad_hy, grad_cy)

    def again() -> list[Tensor]:
        leaves = [t.detach().cpu().requires_grad_() for t in (image, *hx, *params)]
        states, weights = leaves[1 : 1 + len(hx)], leaves[1 + len(hx) :]
        results = aten.lstm.input(leaves[0], states, weights, *options)
        pairs = [(r, g.cpu()) for r, g in zip(results, wanted, strict=True) if g is not None]
        outputs, seeds = zip(*pairs, strict=True)
        grads = torch.autograd.grad(outputs, leaves, seeds, materialize_grads=True)
        return [g.to(device) for g in grads]

    with ThreadPoolExecutor(1) as pool:  # below autograd, only another thread records a graph
        grads = pool.submit(again).result()
    return grads[0], grads[1 : 1 + len(hx)], grads[1 + len(hx) :]


def _max_pool_backward(grad: Tensor, image: Tensor, *window: Any) -> Tensor:
    indices = aten.max_pool2d_with_indices(image, *window)[1]
    return aten.max_pool2d_with_indices_backward(grad, image, *_whole(window), indices)


def _whole(window: tuple[Any, ...]) -> tuple[Any, ...]:
    """Kernel, stride, padding, dilation, ceil mode: with the defaults that a call may leave out."""
    return (*window, *([], 0, 1, False)[len(window) - 1 :])


def _linear_backward(
    image: Tensor, grad: Tensor, weight: Tensor, wanted: list[bool]
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    rows = grad.reshape(-1, grad.shape[-1])
    return (
        grad.matmul(weight) if wanted[0] else None,
        rows.t().mm(image.reshape(-1, image.shape[-1])) if wanted[1] else None,
        rows.sum(0) if wanted[2] else None,
    )


def _fused_attention(
    q: Tensor, k: Tensor, v: Tensor, attn_mask: Tensor | None = None, dropout_p: float = 0.0,
    is_causal: bool = False, dropout_mask: Tensor | None = None, **options: Any,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The attended values; the weights, which nobody reads, stay empty."""
    run = generic("aten::scaled_dot_product_attention")
    return run(q, k, v, attn_mask, dropout_p, is_causal, **options), q.new_empty(0)


def _attention(fused: bool, macos: str) -> Kernel:
    """Which of the two ways `scaled_dot_product_attention` goes on that macOS."""
    relaxed = number(macos) >= (15, 0, 0)

    def attention(
        q: Tensor, k: Tensor, v: Tensor, attn_mask: Tensor | None = None,
        dropout_p: float = 0.0, is_causal: bool = False, *,
        scale: float | None = None, enable_gqa: bool = False,
    ) -> Tensor:  # fmt: skip
        plain = relaxed or all(t.is_contiguous() for t in (q, k, v))
        if fused and plain and dropout_p == 0.0 and not _needs_grad(q, k, v):
            run = aten._scaled_dot_product_attention_math_for_mps
        else:
            run = aten._scaled_dot_product_attention_math
        options = {"scale": scale, "enable_gqa": enable_gqa}
        return run(q, k, v, attn_mask, dropout_p, is_causal, None, **options)[0]

    return attention


def _rms_norm(
    image: Tensor, normalized_shape: list[int], weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:  # fmt: skip
    if weight is not None and weight.dtype == image.dtype and not _needs_grad(image, weight):
        return aten._fused_rms_norm(image, normalized_shape, weight, eps)[0]
    wide = image.float() if image.dtype in (torch.float16, torch.bfloat16) else image
    dims = list(range(-len(normalized_shape), 0))
    small = torch.finfo(wide.dtype).eps if eps is None else eps
    normal = (wide * torch.rsqrt(wide.pow(2).mean(dims, keepdim=True) + small)).type_as(image)
    return normal if weight is None else (normal * weight).type_as(image)


def _needs_grad(*tensors: Tensor) -> bool:
    return torch.is_grad_enabled() and any(t.requires_grad for t in tensors)
