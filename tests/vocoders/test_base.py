"""Decoding in windows, with a vocoder simple enough to be written out: no family is needed."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.tolerance import assert_near
from vivavoce.types import FeatureSpec
from vivavoce.vocoders.base import Vocoder, decode_windowed, stream_windows

HOP, REACH, WIDTH = 4, 2, 3


class Sum(Vocoder):
    """Each frame's samples are weighted sums of the frames near it, and of the speaker."""

    accepts = FeatureSpec(hop_length=HOP, n_mels=5)
    receptive_field = REACH

    def __init__(self, edge: int = 0, speakers: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.edge_frames = edge
        self.condition_width = WIDTH if speakers else 0
        self.near = nn.Conv1d(5, HOP, 2 * REACH + 1, padding=REACH)
        self.speaker = nn.Conv1d(WIDTH, HOP, 1)
        self.lengths: list[int] = []
        self.requires_grad_(False)

    def decode(self, features, condition=None):
        self.lengths.append(features.shape[-1])
        frames = self.near(features)
        if self.condition_width:
            assert condition is not None
            frames = frames + self.speaker(condition)
        return frames.transpose(1, 2).reshape(len(frames), -1)


@pytest.fixture(params=[0, 3], ids=["no-edges", "edges"])
def vocoder(request):
    return Sum(request.param, speakers=True)


FEATURES = torch.randn(2, 5, 41, generator=torch.Generator().manual_seed(1))
SPEAKERS = torch.randn(2, WIDTH, 1, generator=torch.Generator().manual_seed(2))


def whole(vocoder, features, speakers):
    edge = vocoder.edge_frames
    parts = [features[..., :1]] * edge + [features] + [features[..., -1:]] * edge
    return vocoder.decode(torch.cat(parts, -1), speakers)


def same(found, expected):
    assert_near(found, expected, 16.0)


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("part", [1, 3, 8, 41])
def test_pieces_are_the_whole(vocoder, part, eager):
    expected = whole(vocoder, FEATURES, SPEAKERS)
    pieces = list(stream_windows(vocoder, FEATURES.split(part, -1), 9, SPEAKERS, eager))
    same(torch.cat(pieces, -1), expected)
    assert expected.shape[-1] == vocoder.n_samples(FEATURES.shape[-1])
    assert all(piece.shape[-1] for piece in pieces)
    assert max(vocoder.lengths[1:]) <= 9


def test_eager_pieces_come_with_their_part(vocoder):
    """The samples of every frame whose context has come, before another part is asked for."""
    given = 0

    def coming():
        for n, part in enumerate(FEATURES.split(6, -1), 1):
            yield part
            came = min(6 * n, FEATURES.shape[-1]) + vocoder.edge_frames
            assert given == HOP * max(0, came - REACH)

    for piece in stream_windows(vocoder, coming(), 30, SPEAKERS, eager=True):
        given += piece.shape[-1]
    assert given == vocoder.n_samples(FEATURES.shape[-1])


def test_without_haste_windows_are_full():
    vocoder = Sum()
    list(stream_windows(vocoder, FEATURES.split(6, -1), 30))
    assert vocoder.lengths == [30, 15]
    hasty = Sum()
    list(stream_windows(hasty, FEATURES.split(6, -1), 30, eager=True))
    assert len(hasty.lengths) == 8, "seven parts and what the end lets be kept"


def test_rows_have_their_own_length_and_speaker(vocoder):
    found = decode_windowed(vocoder, FEATURES, [41, 17], 12, SPEAKERS)
    same(found[:1], whole(vocoder, FEATURES[:1], SPEAKERS[:1]))
    short = whole(vocoder, FEATURES[1:, :, :17], SPEAKERS[1:])
    same(found[1:, : short.shape[-1]], short)
    assert not found[1, short.shape[-1] :].any()


def test_the_speaker_is_heard():
    vocoder = Sum(speakers=True)
    one, other = (decode_windowed(vocoder, FEATURES[:1], condition=s[None]) for s in SPEAKERS)
    assert (one - other).abs().min() > 1e-3


@pytest.mark.parametrize("eager", [False, True])
def test_of_nothing_comes_nothing(vocoder, eager):
    assert list(stream_windows(vocoder, [], 9, SPEAKERS, eager)) == []


def test_a_window_that_is_all_context_is_refused():
    with pytest.raises(ValueError, match="keeps nothing"):
        decode_windowed(Sum(), FEATURES, window_frames=2 * REACH)
