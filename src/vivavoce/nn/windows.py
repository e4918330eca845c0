"""Cutting frames, as they come in, into overlapping windows whose kept parts tile the whole."""

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

    def narrowed(self, context: int) -> Window:
        """With at most so many frames on either side of those to be kept."""
        first = max(0, self.start - context)
        frames = self.frames[..., first : self.stop + context]
        return Window(frames, self.start - first, self.stop - first)


class WindowCutter:
    """Cuts parts `[..., T]` that follow one another into windows of at most `size` frames.

    Each window has `halo` frames of context on either side. `push` gives the windows that are
    ready: as soon as their frames are there, or, when `eager`, as soon as anything more can be
    kept. At the two ends of the whole there is no context: whatever a layer does at an edge (zero
    padding, say) happens there and only there, so the kept results equal those of one pass over
    the whole. Raises ValueError when `size` leaves nothing to keep.
    """

    def __init__(self, size: int, halo: int, eager: bool = False) -> None:
        if size <= 2 * halo:
            raise ValueError(f"A window of {size} frames keeps nothing: its context is 2 x {halo}.")
        self.size, self.halo, self.eager = size, halo, eager
        self.held: Tensor | None = None
        self.done = 0  # frames at the front of `held` that have been kept already

    def push(self, part: Tensor) -> Iterator[Window]:
        held = part if self.held is None else torch.cat([self.held, part], dim=-1)
        size, halo = self.size, self.halo
        while held.shape[-1] > size:
            yield Window(held[..., :size], self.done, size - halo)
            held, self.done = held[..., size - 2 * halo :], halo
        if self.eager and held.shape[-1] - halo > self.done:
            stop = held.shape[-1] - halo
            yield Window(held, self.done, stop)
            held, self.done = held[..., max(0, stop - halo) :], min(stop, halo)
        self.held = held

    def finish(self) -> Iterator[Window]:
        """The last window, if any frame is left."""
        if self.held is not None and self.held.shape[-1]:
            yield Window(self.held, self.done, self.held.shape[-1])


def windows(parts: Iterable[Tensor], size: int, halo: int, eager: bool = False) -> Iterator[Window]:
    """The windows of a `WindowCutter` over all `parts`."""
    cutter = WindowCutter(size, halo, eager)
    for part in parts:
        yield from cutter.push(part)
    yield from cutter.finish()
