"""Which number format the arithmetic runs in, and the context managers that say so to torch.

"auto" is the default, for models whose large products may be computed in a lower format.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vivavoce.errors import UnsupportedDevice, UsageError, near_misses
from vivavoce.runtime.kernels import KernelChoice, choose_kernel

if TYPE_CHECKING:
    from pathlib import Path

    import torch

PRECISIONS = ("float32", "tf32", "bfloat16", "float16", "int8")

MIN_GAIN = 1.3
"""How many times as fast as float32 bfloat16 must be where "fastest" is asked for."""
AUTO_GAIN = 2.5
"""The same without being asked: it changes the samples of a seed. Processors with AMX reach 5."""

_LOWER = {"cpu": ("bfloat16",), "cuda": ("bfloat16", "float16"), "mps": ("bfloat16", "float16")}


@dataclass(frozen=True)
class Precision:
    """A number format and why it was chosen.

    With `int8` weights are kept in one byte each; with `tf32` products of float32 numbers take
    only TF32's digits of them, which CUDA computes faster.
    """

    dtype: torch.dtype
    reason: str
    int8: bool = False
    tf32: bool = False


def choose_precision(
    name: str,
    device: torch.device | str,
    cache_folder: Path | None = None,
    engine: str = "torch",
) -> Precision:
    """Turn "auto", "fastest" or one of `PRECISIONS` into a dtype of the device.

    "auto" is bfloat16 where the hardware is made for it and it is right: on CUDA (Ampere and
    later), and on CPUs where it was measured to be several times as fast as float32, with no more
    error than its rounding (`cache_folder` keeps the measurement; without one nothing is measured).
    Elsewhere it is float32. "fastest" takes bfloat16 on CPUs for any clear gain. Raises UsageError
    for another name, UnsupportedDevice for a format that the device cannot compute in.
    """
    import torch

    device = torch.device(device)
    if engine == "mlx":
        return _for_mlx(name)
    if name in ("auto", "fastest") and device.type == "cpu" and cache_folder is not None:
        return _measured(choose_kernel(cache_folder), AUTO_GAIN if name == "auto" else MIN_GAIN)
    if name in ("auto", "fastest"):
        if device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0):
            return Precision(torch.bfloat16, "bfloat16: this GPU computes in it at full range")
        return Precision(torch.float32, f"float32: nothing lower is proven on {device.type}")
    if name not in PRECISIONS:
        raise _unknown(name)
    if name == "int8":
        return _int8(device)
    if name == "tf32":
        return _tf32(device)
    dtype = getattr(torch, name)
    _check(device, dtype)
    return Precision(dtype, f"{name} asked for")


def _measured(choice: KernelChoice, gain: float) -> Precision:
    """bfloat16 on a CPU that is at least `gain` times as fast in it, and right."""
    import torch

    found = choice.gain_bfloat16
    if found < gain or not choice.bfloat16_is_right:
        why = f"{found:.1f} times as fast" if found else "not to be had"
        return Precision(torch.float32, f"float32: bfloat16 is {why} on this CPU")
    error = choice.errors["bfloat16"]
    return Precision(
        torch.bfloat16,
        f"bfloat16: {found:.1f} times as fast as float32 on this CPU, error {error:.1%}",
    )


def _tf32(device: torch.device) -> Precision:
    import torch

    if device.type != "cuda":
        raise UnsupportedDevice(f"{device.type} does not support tf32.", "Use float32.")
    return Precision(torch.float32, "tf32 asked for", tf32=True)


def _for_mlx(name: str) -> Precision:
    """All formats; the model itself says whether it takes weights of one byte."""
    import torch

    if name in ("auto", "fastest"):
        return Precision(torch.float32, "float32: nothing lower is proven on mlx")
    if name not in PRECISIONS:
        raise _unknown(name)
    if name == "tf32":
        raise UnsupportedDevice("mlx does not support tf32.", "Use float32.")
    dtype = torch.float32 if name == "int8" else getattr(torch, name)
    return Precision(dtype, f"{name} asked for", int8=name == "int8")


def _unknown(name: str) -> UsageError:
    known = ("auto", "fastest", *PRECISIONS)
    return UsageError(f"No precision is called '{name}'.", near_misses(name, known))


def _int8(device: torch.device) -> Precision:
    """Weights of one byte, what they are multiplied with and all else in float32."""
    import torch

    from vivavoce.runtime.int8 import available

    if device.type != "cpu" or not available():
        raise UnsupportedDevice(
            f"int8 weights are not implemented for {device.type} with torch {torch.__version__}.",
            "Use float32, or bfloat16 if the device supports it.",
        )
    return Precision(torch.float32, "int8 weights asked for", int8=True)


def mixed_precision(
    device: torch.device | str, dtype: torch.dtype
) -> AbstractContextManager[object]:
    """Matrix products and convolutions in `dtype`, the rest as torch's autocast decides.

    Does nothing for float32. Raises UnsupportedDevice for a format the device cannot compute in.
    """
    import torch

    device = torch.device(device)
    if dtype == torch.float32:
        return nullcontext()
    _check(device, dtype)
    return torch.autocast(device.type, dtype=dtype)


def full_precision(
    where: torch.Tensor | torch.device | str,
) -> AbstractContextManager[object]:
    """Switch `mixed_precision` off for a block; a tensor stands for its device.

    The block's inputs keep the type they have: call `.float()` on those that may be lower.
    """
    import torch

    device = where.device if isinstance(where, torch.Tensor) else torch.device(where)
    if device.type == "meta" or not torch.is_autocast_enabled(device.type):
        return nullcontext()
    return torch.autocast(device.type, enabled=False)


def grad_scaler(device: torch.device | str, dtype: torch.dtype) -> torch.amp.GradScaler:
    """Loss scaling for float16, whose gradients underflow; passes everything through otherwise."""
    import torch

    device = torch.device(device)
    return torch.amp.GradScaler(device.type, enabled=dtype == torch.float16)


def _check(device: torch.device, dtype: torch.dtype) -> None:
    import torch

    lower = _LOWER.get(device.type, ())
    if dtype == torch.float32 or str(dtype).removeprefix("torch.") in lower:
        return
    raise UnsupportedDevice(
        f"{device.type} does not support {str(dtype).removeprefix('torch.')}.",
        f"Use {' or '.join(('float32', *lower))}.",
    )
