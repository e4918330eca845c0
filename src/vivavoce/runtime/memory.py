"""How much memory the process and a device hold, and the lengths that keep MPS from growing."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vivavoce.runtime.container import memory_left

if TYPE_CHECKING:
    import torch


class Memory(NamedTuple):
    """Bytes: held now, the most held so far, and still free. None where the system cannot say."""

    used: int | None
    peak: int | None
    free: int | None


def peak_memory() -> int | None:
    """The most main memory this process has held at once, in bytes."""
    status = _status("VmHWM")
    if status is not None:
        return status
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # bytes on macOS, KiB elsewhere


def memory(device: torch.device | str = "cpu") -> Memory:
    """Memory of the process (CPU) or of what torch allocated on the device.

    MPS keeps no peak; its `used` counts the driver's pools, its `free` is what macOS recommends
    staying within, less that.
    """
    import torch

    device = torch.device(device)
    if device.type == "cuda":
        return Memory(
            torch.cuda.memory_allocated(device),
            torch.cuda.max_memory_allocated(device),
            torch.cuda.mem_get_info(device)[0],
        )
    if device.type == "mps":
        used = torch.mps.driver_allocated_memory()
        return Memory(used, None, max(0, torch.mps.recommended_max_memory() - used))
    return Memory(_resident(), peak_memory(), _free())


LONGEST_DIMENSION = 65_536
"""Apple's convolutions refuse (before macOS 15.1) or have miscomputed (before torch 2.4) tensors
with a longer side (pytorch issue 129207). On CPUs as much stays near the processor."""
LONGEST_ON_CUDA = 16 * LONGEST_DIMENSION
"""Where a window costs launches, and its context is computed twice: 48 s at 22,050 Hz."""


def longest_dimension(device: torch.device | str) -> int:
    """How many steps of time a convolution on the device is to see at most."""
    kind = device if isinstance(device, str) else device.type
    return LONGEST_ON_CUDA if kind == "cuda" else LONGEST_DIMENSION


def bucket_length(n: int, device: torch.device | str) -> int:
    """The length to pad `n` to: `n` itself, but on MPS one of eight lengths per doubling.

    MPS compiles and keeps a graph for every new shape (pytorch issue 152550), so a service that
    speaks sentences of all lengths would grow without end. At most an eighth is padding; below
    128 the lengths are multiples of 16.
    """
    kind = device if isinstance(device, str) else device.type
    if kind.partition(":")[0] != "mps" or n <= 0:
        return n
    step = 1 << max(4, (n - 1).bit_length() - 4)
    return -(-n // step) * step


def out_of_memory(error: BaseException) -> bool:
    """Whether torch raised this because a device, or the machine, had no memory left."""
    import torch

    if isinstance(error, torch.OutOfMemoryError):
        return True
    said = str(error)
    return isinstance(error, RuntimeError) and (
        "out of memory" in said or "can't allocate memory" in said
    )


def release(device: torch.device) -> None:
    """Give the device and the system what torch's allocators keep and nobody uses."""
    import torch

    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
    else:
        trim()


def release_unused(device: torch.device, spare: int = 1 << 30) -> None:
    """On MPS, `release` where over `spare` bytes lie unused: its allocator keeps a buffer for every
    shape that it has met, and was seen to hold ten times what was alive.
    """
    import torch

    if device.type != "mps":
        return
    if torch.mps.driver_allocated_memory() - torch.mps.current_allocated_memory() > spare:
        torch.mps.empty_cache()


def usable(device: torch.device) -> int | None:
    """Bytes that a training may fill: what is free, and what torch holds already."""
    found = memory(device)
    if device.type == "cpu":
        return found.free
    return None if found.free is None else found.free + (found.used or 0)


def _status(field: str) -> int | None:
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    return None


def _resident() -> int | None:
    with contextlib.suppress(OSError), Path("/proc/self/statm").open("rb", buffering=0) as file:
        return int(file.read(99).split()[1]) * mmap.PAGESIZE
    return None


def _free() -> int | None:
    left = [n for n in (_free_of_machine(), memory_left()) if n is not None]
    return min(left, default=None)


def _free_of_machine() -> int | None:
    with contextlib.suppress(OSError):
        for line in Path("/proc/meminfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def trim() -> None:
    """Give the system what was freed and kept (glibc): holes that nothing fits into add up."""
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def keep_large_blocks_apart(size: int = 1 << 20) -> None:
    """From now on what is at least `size` bytes goes back to the system when it is freed (glibc).

    Left alone, glibc keeps blocks of up to 32 MB to use them again, and the gradients do not fit
    the holes that activations leave: 0.46 GB of 7.3 in a step of F5 Base. Every block then comes in
    new pages, which took 17 % of such a step.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, size)
        libc.mallopt(_M_TRIM_THRESHOLD, 4 * size)


_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD = -3, -1
HOLES = 48 << 20
"""Bytes by which the process may grow before it gives back what is free. Below 32 MB what an
utterance works in counts as growth, and every one of them pays for new pages."""
_least: int | None = None  # held since memory was last given back


def utterance_ended() -> None:
    """Give freed memory back to the system where the process has grown by `HOLES`.

    Utterances of all lengths leave holes of all sizes, which the allocator keeps: after 200
    utterances of a VITS voice 200 MB were free and not given back. MLX keeps memory for every size
    of array that it has met, and gives it back every time.
    """
    global _least
    if (held := _resident()) is not None:
        if _least is not None and held > _least + HOLES:
            trim()
            _least = _resident()
        elif _least is None or held < _least:
            _least = held
    if (mlx := sys.modules.get("vivavoce.runtime.mlx")) is not None:
        mlx.let_go()


def in_large_pages(tensor: torch.Tensor, dtype: torch.dtype | None = None) -> torch.Tensor:
    """A copy on the CPU, in pages of 2 MB where the system gives them.

    What is read once through, as weights are for every code, then waits less for page tables; and
    what is let go of leaves no hole between smaller things.
    """
    import torch

    dtype = dtype or tensor.dtype
    size = tensor.numel() * dtype.itemsize
    if not hasattr(mmap, "MADV_HUGEPAGE") or not size:
        return torch.empty(tensor.shape, dtype=dtype).copy_(tensor)
    pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with contextlib.suppress(OSError):  # a system without them says so
        pages.madvise(mmap.MADV_HUGEPAGE)
    return torch.frombuffer(pages, dtype=dtype).view(tensor.shape).copy_(tensor)
