"""The conditions of the rules: predicates over shapes, dtypes, strides and options of a call."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch

from mpsaudit.calls import Call

INT_MAX = 2**31 - 1
EDGE = 65_536
FLOATS = frozenset((torch.float32, torch.float16, torch.bfloat16))
HALVES = frozenset((torch.float16, torch.bfloat16))


def always(call: Call) -> bool:
    return True


def dtype_of(call: Call) -> torch.dtype:
    first = call.first
    return first.dtype if first is not None else torch.float32


def dtype_in(*dtypes: torch.dtype) -> Callable[[Call], bool]:
    return lambda call: dtype_of(call) in dtypes


def dtype_not_in(*dtypes: torch.dtype) -> Callable[[Call], bool]:
    return lambda call: dtype_of(call) not in dtypes


def is_complex(call: Call) -> bool:
    return dtype_of(call).is_complex


def any_integer(call: Call) -> bool:
    return any(not t.is_floating_point() and not t.is_complex() for t in call.tensors)


def numel_over(limit: int) -> Callable[[Call], bool]:
    return lambda call: any(t.numel() > limit for t in call.tensors)


# Convolutions. `convolution` and `convolution_backward` stand for the kernels they end in.


def guarded_sizes(call: Call) -> tuple[int, ...]:
    """The sizes that the guard looks at: those of what the forward kernel writes.

    A transposed convolution is the gradient of one with respect to its input, where the guard
    looks at what comes in; so is the first half of a backward.
    """
    image = call["input"] if call["input"] is not None else call["self"]
    transposed = call["transposed"] or "transpose" in call.operator
    if "backward" in call.operator:
        if not call["output_mask"][0]:
            return ()
        return tuple((image if transposed else call["grad_output"]).shape)
    if transposed:
        return tuple(image.shape)
    return _convolved(image.shape, call)


def _convolved(shape: tuple[int, ...], call: Call) -> tuple[int, ...]:
    weight, rank = call["weight"], len(shape) - 2
    geometry = (_spread(call[name], rank) for name in ("padding", "stride", "dilation"))
    sizes = (
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, p, s, d in zip(shape[2:], weight.shape[2:], *geometry, strict=True)
    )
    return (shape[0], weight.shape[0], *sizes)


def _spread(values: Any, rank: int) -> tuple[int, ...]:
    values = tuple(values)
    return values * rank if len(values) == 1 else values


def conv_edge(call: Call) -> bool:
    return any(size > EDGE for size in guarded_sizes(call))


def conv2d_channels(call: Call) -> bool:
    weight = call["weight"]
    return weight.dim() == 4 and weight.shape[2] > 1 and weight.shape[0] > EDGE


def conv_64_bit(call: Call) -> bool:
    image = call["input"] if call["input"] is not None else call["self"]
    if image.numel() == 0:
        return False
    transposed = call["transposed"] or "transpose" in call.operator
    sizes = () if transposed else _convolved(image.shape, call)[1:]
    return image.numel() // image.shape[0] > INT_MAX or math.prod(sizes) > INT_MAX


def conv3d(*dtypes: torch.dtype) -> Callable[[Call], bool]:
    return lambda call: call["weight"].dim() == 5 and (not dtypes or dtype_of(call) in dtypes)


def transposed3d_half(call: Call) -> bool:
    transposed = bool(call["transposed"]) or "transpose" in call.operator
    return transposed and conv3d(*HALVES)(call)


# Matrices.


def _batches(call: Call) -> tuple[torch.Tensor, torch.Tensor] | None:
    found = [t for t in call.tensors if t.dim() == 3]
    return (found[-2], found[-1]) if len(found) >= 2 else None


def bmm_huge_dim(call: Call) -> bool:
    pair = _batches(call)
    return bool(pair) and max(pair[0].shape[0], pair[0].shape[1], pair[1].shape[2]) > 2**32


def bmm_huge_total(call: Call) -> bool:
    pair = _batches(call)
    return bool(pair) and pair[0].shape[0] * pair[0].shape[1] * pair[1].shape[2] > 2**32


def qr_large(call: Call) -> bool:
    first = call.first
    return first is not None and first.dim() >= 2 and min(first.shape[-2:]) > 512


def not_contiguous(call: Call) -> bool:
    return not (call["weight"].is_contiguous() and call["input"].is_contiguous())


def half_3d_without_bias(call: Call) -> bool:
    return call["bias"] is None and call["input"].dim() > 2 and dtype_of(call) in HALVES


# Attention. Metal has a kernel of its own for few queries, chosen by the shapes here.


def few_queries(call: Call) -> bool:
    """Whether the kernel for up to eight queries is chosen (torch 2.8 to 2.12)."""
    query, key, value, mask = (call[name] for name in ("query", "key", "value", "attn_mask"))
    return (
        query.shape[-2] <= min(8, key.shape[-2])
        and query.shape[-1] == value.shape[-1]
        and query.shape[-1] in (64, 96, 128)
        and not call["is_causal"]
        and (mask is None or mask.dtype == torch.bool)
    )


def boolean_mask(call: Call) -> bool:
    mask = call["attn_mask"]
    return mask is not None and mask.dtype == torch.bool


def mask_differs_by_row(call: Call) -> bool:
    """Whether the rows' masks are not laid out as heads times the stride of one head."""
    query = call["query"]
    if not (boolean_mask(call) and few_queries(call)) or query.dim() != 4 or query.shape[0] == 1:
        return False
    mask = call["attn_mask"].expand(*query.shape[:-1], call["key"].shape[-2])
    return query.shape[1] > 1 and mask.stride(0) != query.shape[1] * mask.stride(1)


def half_many_keys(call: Call) -> bool:
    return few_queries(call) and dtype_of(call) in HALVES and call["key"].shape[-2] >= 1024


# Shapes and options.


def not_divisible(call: Call) -> bool:
    image = call.first
    if image is None:
        return False
    pairs = list(zip(image.shape[-2:], call["output_size"] or image.shape[-2:], strict=True))
    if all(size >= wanted for size, wanted in pairs):
        return any(wanted and size % wanted for size, wanted in pairs)
    return any(size and wanted % size for size, wanted in pairs)


def mixed_pooling(call: Call) -> bool:
    image = call.first
    if image is None:
        return False
    pairs = list(zip(image.shape[-2:], call["output_size"] or image.shape[-2:], strict=True))
    return any(s > w for s, w in pairs) and any(s < w for s, w in pairs)


def projected(call: Call) -> bool:
    """A projection adds a fifth weight (a third without biases) to each layer and direction."""
    each = call["num_layers"] * (2 if call["bidirectional"] else 1)
    return len(call["params"]) > each * (4 if call["has_biases"] else 2)


def masked(call: Call) -> bool:
    indices = call["indices"] or ()
    return any(i is not None and i.dtype in (torch.bool, torch.uint8) for i in indices)


def reduces(call: Call, how: Iterable[str]) -> bool:
    return dtype_of(call) == torch.int64 and str(call["reduce"]) in how


def topk_deep(call: Call) -> bool:
    first = call.first
    return first is not None and first.dim() - (call["dim"] % max(1, first.dim())) > 4


def big_dim(call: Call) -> bool:
    return any(size > INT_MAX for t in call.tensors for size in t.shape)
