"""What float32 means on CUDA: all of its digits, or in products only TF32's (three decimal ones).

torch keeps this for the whole process, and rounds convolutions to TF32 unless it is told not to.
On a CPU MKL has to be asked once. Elsewhere float32 always means float32.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import torch

_lock = Lock()
_exact_users = 0
_asked = "ieee"


def set_float32(device: torch.device, tf32: bool = False) -> None:
    """Decide it for products, convolutions and recurrent layers on CUDA, for the whole process.

    On a CPU MKL chooses its functions (tanh, log, sqrt) when the first of them is called. If two
    threads call it, one may get a form of 12 bits (docs/decisions/LOG.md): here one thread does.
    """
    global _asked
    if device.type == "cpu":
        torch.ones(16).sqrt()
    if device.type != "cuda":
        return
    with _lock:
        _asked = "tf32" if tf32 else "ieee"
        if not _exact_users:
            _tell_torch(_asked)


@contextmanager
def exact_float32(device: torch.device) -> Iterator[None]:
    """All digits in here whatever was decided, for what is kept: voices, comparisons.

    Other threads compute exactly too until the last of them has left.
    """
    global _exact_users
    if device.type != "cuda":
        yield
        return
    with _lock:
        _exact_users += 1
        _tell_torch("ieee")
    try:
        yield
    finally:
        with _lock:
            _exact_users -= 1
            if not _exact_users:
                _tell_torch(_asked)


def _tell_torch(form: str) -> None:
    """By its old names and, from torch 2.9 on, its new ones.

    The new ones alone would do, but then torch raises when anybody asks by an old one.
    """
    cudnn, products = torch.backends.cudnn, torch.backends.cuda.matmul
    cudnn.allow_tf32 = form == "tf32"  # pyright: ignore[reportAttributeAccessIssue]
    products.allow_tf32 = form == "tf32"
    if hasattr(cudnn, "conv"):
        cudnn.conv.fp32_precision = form
        cudnn.rnn.fp32_precision = form
        products.fp32_precision = form
