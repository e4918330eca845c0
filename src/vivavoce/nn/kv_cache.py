"""What a GPT's attention has seen: keys and values per layer, in tensors made once.

Shapes: B rows, N positions, H heads, D width of a head.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

import torch
from torch import Tensor

from vivavoce.runtime import graphs

BLOCK = 64
"""Room is made for whole blocks of positions, so that shapes repeat."""


@dataclass(frozen=True)
class Span:
    """Which positions are computed, of which rows, and how far each may look.

    Rows `[first, first + B)`. Either all of them fill columns `[start, stop)` (a prompt, or one row
    alone), or `rows[b]` fills the one column `columns[b]`. They read columns `[0, stop)` where
    `mask` `[B, 1, N, stop]` allows it; without one, everywhere.
    """

    first: int
    start: int
    stop: int
    rows: Tensor | None = None
    columns: Tensor | None = None
    mask: Tensor | None = None

    @staticmethod
    def prompt(row: int, start: int, length: int, device: torch.device) -> Span:
        """`length` positions of a row, behind the `start` it has; each sees itself and before."""
        stop = start + length
        mask = torch.ones(length, stop, dtype=torch.bool, device=device).tril(start)
        return Span(row, start, stop, mask=mask[None, None])

    @staticmethod
    def step(lengths: list[int], device: torch.device) -> Span:
        """One more position of each of the first rows, which hold `lengths` so far."""
        stop = max(lengths) + 1
        if device.type == "cpu" and len(lengths) == 1:
            return Span(0, stop - 1, stop)
        return Span.rows_at(torch.tensor(lengths, device=device), repeating(stop, device))

    @staticmethod
    def rows_at(columns: Tensor, stop: int) -> Span:
        """The first rows, each at its own of the `columns` `[B]`, which are below `stop`."""
        rows = torch.arange(columns.shape[0], device=columns.device)
        seen = torch.arange(stop, device=columns.device) <= columns[:, None]
        return Span(0, 0, stop, rows, columns, seen[:, None, None, :])


def whole_blocks(positions: int) -> int:
    return -(-positions // BLOCK) * BLOCK


def repeating(positions: int, device: torch.device) -> int:
    """As many, or more where every new shape costs a compilation (MPS) or a recording (CUDA)."""
    return positions if device.type == "cpu" else whole_blocks(positions)


class KVCache:
    """Keys and values of `rows` sequences, for each layer `[rows, 2, H, positions, D]`.

    A head's positions lie behind one another: attention reads them once through.
    """

    def __init__(self, depth: int, rows: int, heads: int, width: int, like: Tensor) -> None:
        self.layers = [like.new_zeros(rows, 2, heads, 0, width) for _ in range(depth)]

    def reserve(self, positions: int) -> bool:
        """Room for at least so many positions; what is there stays. Whether it had to move.

        The rest are zeros: what is masked out is multiplied by nothing, which NaN would survive.
        """
        rows, two, heads, room, width = self.layers[0].shape
        if positions <= room:
            return False
        wanted = whole_blocks(positions)
        for layer, old in enumerate(self.layers):
            self.layers[layer] = old.new_zeros(rows, two, heads, wanted, width)
            self.layers[layer][:, :, :, :room] = old
        return True

    def clear(self) -> None:
        """Zeros everywhere; the room stays."""
        for layer in self.layers:
            layer.zero_()

    def update(self, layer: int, new: Tensor, span: Span) -> Tensor:
        """Keep keys and values `[B, N, 2, H, D]`; all up to now, `[B, 2, H, stop, D]`."""
        kept = self.layers[layer].narrow(0, span.first, new.shape[0])
        if span.columns is None:
            kept.narrow(3, span.start, span.stop - span.start).copy_(new.permute(0, 2, 3, 1, 4))
        else:
            kept.permute(0, 3, 1, 2, 4).index_put_((span.rows, span.columns), new[:, 0])
        return kept.narrow(3, 0, span.stop)

    def copy(self, source: KVCache, origin: int, row: int, length: int) -> None:
        """The first `length` positions of a row of `source` become those of `row`."""
        for mine, theirs in zip(self.layers, source.layers, strict=True):
            mine[row, :, :, :length] = theirs[origin, :, :, :length]


class DecodingSpace:
    """What a decoder of so many rows works in: its cache, and which codes each row has said.

    `steps` are recordings of a step, by how many positions it reads, in the memory `pool`.
    """

    def __init__(self, cache: KVCache, generated: Tensor) -> None:
        self.cache, self.generated = cache, generated
        self.steps: dict[int, graphs.Work] = {}
        self.pool = graphs.pool() if graphs.records(generated.device) else None

    def reserve(self, positions: int) -> None:
        """Room for so many positions; where it has to move, nothing recorded is right any more."""
        if self.cache.reserve(repeating(positions, self.generated.device)):
            self.steps.clear()


class Spaces:
    """Spaces that no decoder uses now, by their number of rows. Safe for several threads.

    It has no lock: a decoder may end, and give its space back, while this thread is in here.
    """

    def __init__(self) -> None:
        self.free: dict[int, list[DecodingSpace]] = {}

    def __deepcopy__(self, memo: object) -> Spaces:
        return Spaces()  # a copy's weights are others

    def take(self, rows: int) -> DecodingSpace | None:
        """A free one of so many rows, with zeros in its cache."""
        try:
            space = self.free.setdefault(rows, []).pop()
        except IndexError:
            return None
        space.cache.clear()  # what is masked out is multiplied by nothing, which NaN would survive
        return space

    def give(self, rows: int, space: DecodingSpace) -> None:
        self.free.setdefault(rows, []).append(space)


class VoiceCaches:
    """The GPT's keys and values of the voices used last, for every request that speaks with them.

    The caches in it are never written to again. Safe for several threads.
    """

    def __init__(self, kept: int = 8) -> None:
        self.kept, self.lock = kept, Lock()
        self.caches: OrderedDict[bytes, KVCache] = OrderedDict()

    def get(self, voice: bytes) -> KVCache | None:
        with self.lock:
            if voice in self.caches:
                self.caches.move_to_end(voice)
            return self.caches.get(voice)

    def put(self, voice: bytes, cache: KVCache) -> None:
        with self.lock:
            self.caches[voice] = cache
            while len(self.caches) > self.kept:
                self.caches.popitem(last=False)

    def clear(self) -> None:
        with self.lock:
            self.caches.clear()
