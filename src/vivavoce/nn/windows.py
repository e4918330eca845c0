"""Cutting frames, as they come in, into overlapping windows whose kept parts tile the whole.

Knows nothing of what is computed on a window.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Window:
    """Frames `[..., T]`; of what is computed from them, frames `[start, stop)` are to be kept."""

    frames: Tensor
    start: int
    stop: int

    def kept(self, scale: int) -> slice:
        """The kept part of a result that has `scale` steps a frame."""
        return slice(self.start * scale, self.stop * scale)


def windows(parts: Iterable[Tensor], size: int, halo: int, eager: bool = False) -> Iterator[Window]:
    """Windows of at most `size` frames, each with `halo` frames of context on either side.

    `parts` `[..., T]` follow one another; a window is given as soon as its frames are there, or,
    when `eager`, as soon as a part is there that lets anything more be kept. At the two ends of
    the whole there is no context: whatever a layer does at an edge (zero padding, say) happens
    there and only there, so the kept results equal those of one pass over the whole.
    Raises ValueError when `size` leaves nothing to keep.
    """
    if size <= 2 * halo:
        raise ValueError(f"A window of {size} frames keeps nothing: its context is 2 x {halo}.")
    held: Tensor | None = None
    done = 0  # frames at the front of `held` that have been kept already
    for part in parts:
        held = part if held is None else torch.cat([held, part], dim=-1)
        while held.shape[-1] > size:
            yield Window(held[..., :size], done, size - halo)
            held, done = held[..., size - 2 * halo :], halo
        if eager and held.shape[-1] - halo > done:
            stop = held.shape[-1] - halo
            yield Window(held, done, stop)
            held, done = held[..., max(0, stop - halo) :], min(stop, halo)
    if held is not None and held.shape[-1]:
        yield Window(held, done, held.shape[-1])
