"""Tables of numbers, copied to a device once: a copy waits for everything that is queued there."""

from __future__ import annotations

from collections.abc import Callable, Hashable

import torch
from numpy.typing import ArrayLike
from torch import Tensor

_placed: dict[tuple[Hashable, ...], Tensor] = {}
"""A few per device: windows, filters. They are never written to."""


def constant(make: Callable[..., ArrayLike], *args: Hashable, like: Tensor) -> Tensor:
    """`make(*args)` with the type and on the device of `like`; the same tensor every time.

    `make` is a function of a module that gives equal numbers for equal arguments.
    """
    key = make, args, like.dtype, like.device
    found = _placed.get(key)
    if found is None:
        with torch.inference_mode(False):  # it may take part in training later
            found = torch.tensor(make(*args), dtype=like.dtype, device=like.device)
        if type(found) is Tensor:  # not what stands for one while a model is traced
            _placed[key] = found
    return found
