"""Which library multiplies float32 matrices on this CPU: measured once per machine, then kept.

PyTorch gives linear layers to MKL, which takes a slow path on some AMD processors; oneDNN, built
into the same wheel, does not.
"""

from __future__ import annotations

import contextlib
import copy
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from vivavoce.errors import UsageError, near_misses
from vivavoce.runtime.measurements import MeasurementCache, cpu_model

if TYPE_CHECKING:
    import torch
    from torch import nn

KERNELS = ("auto", "default", "onednn")
CACHE_FILE = "kernels.json"
VERSION = 4
"""Raised when something else is measured."""

MOST_S = 1.0
SETTLED = 0.97
"""A round that is not faster than this share of the best so far has improved nothing."""
MIN_GAIN = 1.05
"""oneDNN must be this many times as fast: less is not worth a second path."""
MAX_ERROR = 1e-5
"""Largest difference between the two products, relative to the largest value."""
MAX_ERROR_BFLOAT16 = 1e-2
"""The same of the product in bfloat16: rounding alone came to 3e-3."""
SHAPE = (128, 512, 1536)
"""Rows, inputs and outputs of the product that is timed: 0.2 GFLOP, some 2 ms a core."""
FEW = (8, 1024, 4096)
"""The same of a product of few rows: 67 MFLOP, 16 MB of weights."""
KEYS = (8, 16, 512, 64)
"""Layers, heads, positions and width of what one query attends to: 16 MB."""
ATTENTION = (1, 3, 1024, 64)
"""Rows, heads, positions and width of the attention that is timed: 0.8 GFLOP."""


@dataclass(frozen=True)
class KernelChoice:
    """What was measured to be fastest on this CPU.

    `name` is "default" or "onednn", for linear layers in float32; `gflops` the speed of each that
    was measured, and of "bfloat16" in oneDNN. `errors` are largest differences from the default in
    float32, relative to the largest value.
    """

    name: str
    reason: str
    gflops: dict[str, float]
    errors: dict[str, float] = field(default_factory=dict)

    @property
    def gain_bfloat16(self) -> float:
        """How many times as fast as float32 bfloat16 was here; 0 where one was not measured."""
        full = [speed for name, speed in self.gflops.items() if name != "bfloat16"]
        return self.gflops.get("bfloat16", 0.0) / max(full) if full else 0.0

    @property
    def bfloat16_is_right(self) -> bool:
        """Whether it was no further from float32 than rounding takes it."""
        return self.errors.get("bfloat16", 1.0) <= MAX_ERROR_BFLOAT16


def prepare_for_inference(
    module: nn.Module, kernel: str = "auto", cache_folder: Path | None = None
) -> nn.Module:
    """A twin of a loaded module whose large float32 linear layers run in the chosen kernel.

    The original is untouched. The twin shares its parameters and buffers, except that the layers
    it replaces hold their weights in oneDNN's own order: it is for inference on the CPU in
    float32, cannot be saved or moved, and letting go of the original frees the plain weights.
    Returns `module` itself where there is nothing to gain. `kernel` overrides the measurement.

    Raises UsageError for an unknown `kernel`.
    """
    import torch
    from torch import nn

    from vivavoce.runtime.onednn import PackedLinear

    if kernel not in KERNELS:
        raise UsageError(f"No kernel is called '{kernel}'.", near_misses(kernel, KERNELS))
    linear = [m for m in module.modules() if type(m) is nn.Linear]
    layers = [m for m in linear if m.weight.dtype == torch.float32 and PackedLinear.gains(m)]
    if not layers or kernel == "default":
        return module
    if kernel == "auto" and choose_kernel(cache_folder).name == "default":
        return module
    memo: dict[int, object] = {id(t): t for t in (*module.parameters(), *module.buffers())}
    memo |= {id(layer): PackedLinear(layer) for layer in layers}
    return copy.deepcopy(module, memo)


def choose_kernel(cache_folder: Path | None) -> KernelChoice:
    """The faster kernel for linear layers, from the cache or measured now (some 0.1 s).

    Without a folder to keep the answer nothing is measured: a choice that can change from run to
    run would change the last digits of the result with it.
    """
    if cache_folder is None:
        return KernelChoice("default", "nowhere to keep a measurement", {})
    if not _has_onednn():
        return KernelChoice("default", "oneDNN is not built into this torch", {})
    cache = MeasurementCache(Path(cache_folder) / CACHE_FILE)
    return cache.recall(machine_key(), KernelChoice, measure)


def measure(repeats: int = 10) -> KernelChoice:
    """Time one product both ways, in turn, and compare the results."""
    import torch

    rows, n_in, n_out = SHAPE
    x, weight, bias = _product(*SHAPE)
    with torch.inference_mode():
        try:
            times, errors = _race(x, weight, bias, repeats)
            half_s, half_error = _half(x, weight, bias, repeats)
            times, errors = times | half_s, errors | half_error
        except (RuntimeError, AttributeError) as failure:
            return KernelChoice("default", f"oneDNN failed: {str(failure).splitlines()[0]}", {})
    gflops = {k: round(2e-9 * rows * n_in * n_out / t, 1) for k, t in times.items()}
    gain, error = times["default"] / times["onednn"], errors["onednn"]
    if error > MAX_ERROR:
        return KernelChoice("default", f"oneDNN differs by {error:.0e}", gflops, errors)
    if gain < MIN_GAIN:
        return KernelChoice("default", f"oneDNN is {gain:.2f} times as fast", gflops, errors)
    return KernelChoice("onednn", f"{gain:.2f} times as fast as the default", gflops, errors)


def _product(rows: int, n_in: int, n_out: int) -> Iterator[torch.Tensor]:
    """Input, weight and bias, without a draw from anybody's generator."""
    import torch

    generator = torch.Generator().manual_seed(0)
    for size in ((rows, n_in), (n_out, n_in), (n_out,)):
        yield torch.randn(size, generator=generator)


def _race(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor,
    repeats: int,
    rows: int | None = None,
) -> tuple[dict[str, float], dict[str, float]]:
    """The least seconds of each kernel, oneDNN's weights laid out for `rows`, and its error."""
    from torch.nn.functional import linear

    from vivavoce.runtime.onednn import pack, packed_linear

    packed = pack(weight, rows)
    runs = (lambda: linear(x, weight, bias), lambda: packed_linear(x, packed, bias))
    error = _difference(runs[1](), runs[0]())
    times = least_seconds(runs, repeats)
    return dict(zip(("default", "onednn"), times, strict=True)), {"onednn": error}


def _half(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, repeats: int
) -> tuple[dict[str, float], dict[str, float]]:
    """The least seconds of the same product in bfloat16, and its error.

    Nothing where oneDNN has none here, or torch's own kernels cannot attend in it.
    """
    import torch

    from vivavoce.runtime.attention import attends
    from vivavoce.runtime.onednn import pack, packed_linear

    if not attends(torch.bfloat16):
        return {}, {}
    expected = torch.nn.functional.linear(x, weight, bias)
    x, weight, bias = (t.bfloat16() for t in (x, weight, bias))
    with contextlib.suppress(RuntimeError):
        packed = pack(weight)
        error = _difference(packed_linear(x, packed, bias).float(), expected)
        (best,) = least_seconds((lambda: packed_linear(x, packed, bias),), repeats)
        return {"bfloat16": best}, {"bfloat16": error}
    return {}, {}


def _difference(found: torch.Tensor, expected: torch.Tensor) -> float:
    """The largest, relative to the largest value."""
    return float((found - expected).abs().max() / expected.abs().max())


def separate_attention(dtype: torch.dtype, cache_folder: Path | None) -> bool:
    """Whether attention is faster here as two products per head than in torch's fused kernel.

    From the cache, or measured now (some 0.2 s) and kept; False without a folder to keep it in.
    """
    return _kept(cache_folder, f"attention in {dtype}", lambda: _separate_wins(dtype))


def packed_rows(cache_folder: Path | None) -> bool:
    """Whether oneDNN's order of the weights is faster here for eight rows; as above, in 0.1 s.

    It can be where it is not for many: MKL took 3.9 ms for what oneDNN does in 1.9.
    """
    return _kept(cache_folder, f"{FEW[0]} rows", _packed_rows_win)


def one_row_as_vector(cache_folder: Path | None) -> bool:
    """Whether torch's product with a vector is faster here for one row in bfloat16; likewise."""
    return _kept(cache_folder, "a row in bfloat16 as a vector", _vector_wins)


def attends_in_half(cache_folder: Path | None) -> bool:
    """Whether one query attends faster here to keys and values in bfloat16; likewise."""
    return _kept(cache_folder, "one query in bfloat16", _half_keys_win)


def _kept(cache_folder: Path | None, what: str, measure: Callable[[], bool]) -> bool:
    if cache_folder is None or not _has_onednn():
        return False
    kept = MeasurementCache(Path(cache_folder) / CACHE_FILE)
    return kept.recall(f"{machine_key()} | {what}", bool, measure)


@cache
def _separate_wins(dtype: torch.dtype, repeats: int = 15) -> bool:
    import torch

    from vivavoce.runtime.attention import blocked_attention, fused

    generator = torch.Generator().manual_seed(0)
    q, k, v = ((torch.randn(ATTENTION, generator=generator) / 3).to(dtype) for _ in range(3))
    with torch.inference_mode():
        fused_s, separate_s = least_seconds(
            (lambda: fused(q, k, v), lambda: blocked_attention(q, k, v)), repeats
        )
    return fused_s >= MIN_GAIN * separate_s


@cache
def _packed_rows_win(repeats: int = 9) -> bool:
    x, weight, bias = _product(*FEW)
    times, errors = _race(x, weight, bias, repeats, FEW[0])
    return times["default"] >= MIN_GAIN * times["onednn"] and errors["onednn"] <= MAX_ERROR


@cache
def _vector_wins(repeats: int = 9) -> bool:
    import torch

    from vivavoce.runtime.onednn import packed_linear, vector_linear

    numbers = list(_product(1, *FEW[1:]))
    with torch.inference_mode(), contextlib.suppress(RuntimeError):
        x, weight, bias = (tensor.bfloat16() for tensor in numbers)
        runs = (lambda: packed_linear(x, weight, bias), lambda: vector_linear(x, weight, bias))
        error = _difference(runs[1]().float(), vector_linear(*numbers))
        packed_s, vector_s = least_seconds(runs, repeats)
        return packed_s >= MIN_GAIN * vector_s and error <= MAX_ERROR_BFLOAT16
    return False


@cache
def _half_keys_win(repeats: int = 9) -> bool:
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    from vivavoce.runtime.attention import attends

    if not attends(torch.bfloat16):
        return False
    generator = torch.Generator().manual_seed(0)
    kept = torch.randn(KEYS, generator=generator)
    query = torch.randn(KEYS[1], 1, KEYS[3], generator=generator)
    sets = [(query, kept), (query.bfloat16(), kept.bfloat16())]

    def run(query: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
        heard = [scaled_dot_product_attention(query[None], x[None], x[None]) for x in kept]
        return torch.cat(heard)

    with torch.inference_mode():
        runs = [partial(run, *one) for one in sets]
        error = _difference(runs[1]().float(), runs[0]())
        full_s, half_s = least_seconds(runs, repeats)
    return full_s >= MIN_GAIN * half_s and error <= MAX_ERROR_BFLOAT16


def least_seconds(runs: Sequence[Callable[[], object]], repeats: int) -> list[float]:
    """Of each, in turn, until `repeats` rounds have improved none of them, or for `MOST_S`.

    Other processes can slow down all of the first rounds: oneDNN once seemed a third as fast.
    """
    best, without_gain = [float("inf")] * len(runs), 0
    end = time.perf_counter() + MOST_S
    while without_gain < repeats and time.perf_counter() < end:
        before = list(best)
        for number, run in enumerate(runs):
            start = time.perf_counter()
            run()
            best[number] = min(best[number], time.perf_counter() - start)
        settled = all(new > SETTLED * old for new, old in zip(best, before, strict=True))
        without_gain = without_gain + 1 if settled else 0
    return best


def _has_onednn() -> bool:
    import torch

    return torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def machine_key() -> str:
    """Processor, torch, its kernels and threads: what a measurement holds for."""
    import torch

    threads, kind = torch.get_num_threads(), torch.backends.cpu.get_cpu_capability()
    return f"{cpu_model()} | torch {torch.__version__}, {kind} | {threads} threads | v{VERSION}"
