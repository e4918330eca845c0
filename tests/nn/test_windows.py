"""Windows tile the whole, and what they keep equals one pass over it."""

from __future__ import annotations

import random

import pytest
import torch

from tests.tolerance import assert_near
from vivavoce.nn.windows import windows


@pytest.mark.parametrize("length", [1, 4, 9, 10, 11, 37])
@pytest.mark.parametrize("split", [1, 3, 100])
def test_kept_frames_are_each_frame_once(length: int, split: int) -> None:
    frames = torch.arange(length)[None]
    kept = [w.frames[..., w.kept(1)] for w in windows(frames.split(split, -1), 10, 2)]
    assert torch.equal(torch.cat(kept, -1), frames)


def test_context_is_there_except_at_the_ends() -> None:
    cut = list(windows([torch.arange(31)[None]], 10, 3))
    assert all(w.frames.shape[-1] <= 10 for w in cut)
    assert cut[0].start == 0
    assert all(w.start == 3 for w in cut[1:])
    assert all(w.frames.shape[-1] - w.stop == 3 for w in cut[:-1])
    assert cut[-1].stop == cut[-1].frames.shape[-1]


def test_a_convolution_in_windows_is_exact() -> None:
    torch.manual_seed(0)
    layer = torch.nn.Conv1d(2, 3, 7, padding=3)
    x = torch.randn(1, 2, 50)
    with torch.no_grad():
        pieces = [layer(w.frames)[..., w.kept(1)] for w in windows(x.split(4, -1), 12, 3)]
        assert_near(torch.cat(pieces, -1), layer(x), 16.0)


def test_a_window_is_given_as_soon_as_it_is_full() -> None:
    came = []

    def parts():
        for part in torch.arange(40)[None].split(5, -1):
            came.append(part)
            yield part

    next(windows(parts(), 10, 2))
    assert len(came) == 3  # 15 frames: the first beyond a full window shows that it is not the end


def test_nothing_comes_of_nothing() -> None:
    assert list(windows([], 10, 2)) == []


def test_a_window_that_is_all_context_is_refused() -> None:
    with pytest.raises(ValueError, match="keeps nothing"):
        next(windows([torch.zeros(1, 5)], 6, 3))


def cuttings():
    """Lengths cut at random places, with windows and contexts of all kinds."""
    dice = random.Random(4)
    for _ in range(100):
        halo = dice.randint(0, 6)
        size = 2 * halo + dice.randint(1, 12)
        parts = [dice.choice((0, 1, 1, 2, 3, 8, 30)) for _ in range(dice.randint(1, 9))]
        yield size, halo, torch.arange(sum(parts))[None].split(parts, -1)


def test_eager_windows_keep_the_same_frames_with_the_same_context() -> None:
    for size, halo, parts in cuttings():
        whole = torch.cat(parts, -1)
        for eager in (False, True):
            cut = list(windows(parts, size, halo, eager))
            kept = torch.cat([w.frames[..., w.kept(1)] for w in cut] or [whole[..., :0]], -1)
            assert torch.equal(kept, whole), "each frame once, in order"
            for w in cut:
                assert w.frames.shape[-1] <= size
                first, last = int(w.frames[0, 0]), int(w.frames[0, -1])
                assert w.start == min(halo, first + w.start), "context, or the beginning"
                behind = whole.shape[-1] - (first + w.stop)
                assert last + 1 - (first + w.stop) == min(halo, behind), "context, or the end"


@pytest.mark.parametrize("cutting", list(cuttings()))
def test_eager_windows_come_as_soon_as_a_part_lets_anything_be_kept(cutting) -> None:
    size, halo, parts = cutting
    done = 0

    def coming():
        came = 0
        for part in parts:
            yield part
            came += part.shape[-1]
            assert done == max(0, came - halo), "only what lacks context is held back"

    for w in windows(coming(), size, halo, eager=True):
        done = int(w.frames[0, 0]) + w.stop
