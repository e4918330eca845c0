"""Positions are kept where they belong, and every row reads its own."""

from __future__ import annotations

import torch

from vivavoce.nn.kv_cache import BLOCK, KVCache, Span

CPU = torch.device("cpu")


def filled(rows: int, positions: int) -> tuple[KVCache, torch.Tensor]:
    cache = KVCache(2, rows, 2, 4, torch.zeros(0))
    cache.reserve(positions)
    new = torch.randn(rows, positions, 2, 2, 4)
    for row in range(rows):
        for layer in range(2):
            cache.update(layer, new[row : row + 1] + layer, Span.prompt(row, 0, positions, CPU))
    return cache, new


def by_position(kept: torch.Tensor) -> torch.Tensor:
    return kept.permute(0, 3, 1, 2, 4)


def test_room_grows_in_blocks_and_keeps_what_is_there():
    cache, new = filled(2, 5)
    assert cache.layers[0].shape == (2, 2, 2, BLOCK, 4)
    cache.reserve(BLOCK)
    assert cache.layers[0].shape[3] == BLOCK
    cache.reserve(BLOCK + 1)
    assert cache.layers[0].shape[3] == 2 * BLOCK
    assert torch.equal(by_position(cache.layers[1])[:, :5], new + 1)


def test_a_prompt_sees_what_was_before_and_no_later():
    span = Span.prompt(0, 2, 3, CPU)
    assert span.mask is not None
    assert span.mask[0, 0].int().tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]


def test_each_row_writes_at_its_own_end():
    cache, new = filled(3, 6)
    lengths = [6, 2, 4]
    span = Span.step(lengths, CPU)
    step = torch.randn(3, 1, 2, 2, 4)
    seen = by_position(cache.update(0, step, span))
    assert seen.shape[:2] == (3, 7)
    for row, length in enumerate(lengths):
        assert torch.equal(seen[row, length], step[row, 0])
        assert torch.equal(seen[row, :length], new[row, :length])
    assert span.mask is not None
    assert span.mask[:, 0, 0].sum(1).tolist() == [7, 3, 5]


def test_one_row_alone_needs_no_mask():
    span = Span.step([6], CPU)
    assert (span.mask, span.columns) == (None, None)
    assert (span.start, span.stop) == (6, 7)


def test_a_row_moves():
    cache, new = filled(2, 6)
    cache.copy(cache, 1, 0, 4)
    first = by_position(cache.layers[0])[0]
    assert torch.equal(first[:4], new[1, :4])
    assert torch.equal(first[4:6], new[0, 4:6])
