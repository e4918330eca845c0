"""Apple's MLX beside torch: tensors to and fro, products, and the memory that it keeps.

Imports mlx, so it is imported only where somebody asked for it. Nothing lazy leaves a call: a lazy
array cannot be evaluated by another thread than the one that made it.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from threading import Lock

import mlx.core as mx
import numpy as np
import torch
from torch import Tensor, nn

CACHE_BYTES = 1 << 30
"""What MLX may keep of freed memory while an utterance is spoken; by default it has no bound."""
GROUPS = (64, 32)
"""Weights that share a scale in 8 bits: the first of these that divides a row."""


@dataclass(frozen=True)
class MlxFormat:
    """How products are computed: in `dtype`, their weights in 8 bits with `int8`."""

    dtype: torch.dtype = torch.float32
    int8: bool = False

    @property
    def type(self) -> mx.Dtype:
        return {torch.float16: mx.float16, torch.bfloat16: mx.bfloat16}.get(self.dtype, mx.float32)


def to_mlx(tensor: Tensor, dtype: mx.Dtype | None = None) -> mx.array:
    """A copy, made at once."""
    array = mx.array(tensor.detach().cpu().contiguous())
    array = array if dtype is None else array.astype(dtype)
    mx.eval(array)
    return array


def to_torch(array: mx.array) -> Tensor:
    """float32 on the CPU, computed."""
    return torch.from_numpy(np.array(array.astype(mx.float32)))


class Product:
    """A linear layer: `[..., in]` to `[..., out]`, in the format's type."""

    def __init__(self, layer: nn.Module, form: MlxFormat) -> None:
        assert isinstance(layer, nn.Linear)
        weight = to_mlx(layer.weight, form.type)
        self.bias = None if layer.bias is None else to_mlx(layer.bias, form.type)
        rows = layer.in_features
        self.group = next((g for g in GROUPS if rows % g == 0), 0) if form.int8 else 0
        self.parts = list(mx.quantize(weight, self.group, 8)) if self.group else [weight.T]
        mx.eval(*self.parts)

    def __call__(self, x: mx.array) -> mx.array:
        if self.group:
            x = mx.quantized_matmul(x, *self.parts, transpose=True, group_size=self.group, bits=8)
        else:
            x = x @ self.parts[0]
        return x if self.bias is None else x + self.bias


class Convolution:
    """A convolution over T of `[B, T, C]` that keeps the length; float32."""

    def __init__(self, layer: nn.Module) -> None:
        assert isinstance(layer, nn.Conv1d)
        self.weight = to_mlx(layer.weight.permute(0, 2, 1))
        self.bias = None if layer.bias is None else to_mlx(layer.bias)
        self.dilation, self.groups = layer.dilation[0], layer.groups
        self.padding = self.dilation * (layer.kernel_size[0] - 1) // 2

    def __call__(self, x: mx.array) -> mx.array:
        x = mx.conv1d(x, self.weight, 1, self.padding, self.dilation, self.groups)
        return x if self.bias is None else x + self.bias


class RowNorm:
    """A layer norm over the last axis, with its weights."""

    def __init__(self, layer: nn.Module) -> None:
        assert isinstance(layer, nn.LayerNorm)
        self.weight, self.bias, self.eps = to_mlx(layer.weight), to_mlx(layer.bias), layer.eps

    def __call__(self, x: mx.array) -> mx.array:
        return mx.fast.layer_norm(x, self.weight, self.bias, self.eps)


def let_go() -> None:
    """Give back what MLX keeps for arrays of sizes that may not come again."""
    mx.clear_cache()


class MlxLimits:
    """Bounds on MLX's memory while somebody computes: they are the process's, so what another
    program set is put back by the last to leave.

    On a GPU allocations wait from what macOS recommends on, instead of ending the process.
    """

    def __init__(self) -> None:
        self.inside, self.lock = 0, Lock()
        self.before: tuple[int, int | None] = (0, None)

    @contextmanager
    def held(self) -> Iterator[None]:
        with self.lock:
            self.inside += 1
            if self.inside == 1:
                most = device_facts().get("max_recommended_working_set_size")
                cache = mx.set_cache_limit(CACHE_BYTES)
                self.before = cache, mx.set_memory_limit(int(most)) if most else None
        try:
            yield
        finally:
            with self.lock:
                self.inside -= 1
                if self.inside == 0:
                    cache, memory = self.before
                    mx.set_cache_limit(cache)
                    if memory is not None:
                        mx.set_memory_limit(memory)


LIMITS = MlxLimits()


def device_facts() -> dict[str, str | int]:
    """What MLX says of the GPU; nothing where there is none."""
    return mx.device_info() if mx.metal.is_available() else {}


def absence() -> str:
    """Why MLX cannot compute here, or an empty text."""
    if platform.system() == "Darwin" and not mx.metal.is_available():
        return "MLX finds no Apple GPU"
    return ""


def version() -> str:
    return metadata.version("mlx")
