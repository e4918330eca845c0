from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from vivavoce.train.sampler import BatchSampler, Position

LENGTHS = np.random.default_rng(0).uniform(1, 10, 200).tolist()


def make(seconds: float = 30.0, size: int = 0, seed: int = 1) -> BatchSampler:
    return BatchSampler(LENGTHS, seconds, size, seed)


def test_an_epoch_holds_everything_once_within_the_limits():
    batches = make(30.0, 6).epoch(0)
    assert sorted(i for b in batches for i in b) == list(range(200))
    assert all(len(b) * max(LENGTHS[i] for i in b) <= 30.0 for b in batches)
    assert max(len(b) for b in batches) == 6


def test_utterances_of_similar_length_meet():
    batches = make().epoch(0)
    padded = sum(len(b) * max(LENGTHS[i] for i in b) for b in batches)
    assert padded < 1.25 * sum(LENGTHS)
    shuffled = BatchSampler(LENGTHS, 30.0, 0, 1).cut(
        np.random.default_rng(0).permutation(200).tolist()
    )
    assert padded < 0.8 * sum(len(b) * max(LENGTHS[i] for i in b) for b in shuffled)


def test_epochs_differ_and_repeat():
    assert make().epoch(0) == make().epoch(0)
    assert make().epoch(0) != make().epoch(1)
    assert make(seed=2).epoch(0) != make().epoch(0)
    together = {frozenset(b) for b in make().epoch(0)} & {frozenset(b) for b in make().epoch(1)}
    assert not together


def test_one_too_long_is_alone():
    assert BatchSampler([1.0, 50.0, 1.0], 10.0, 0, 0).cut([0, 1, 2]) == [[0], [1], [2]]


@pytest.mark.parametrize("count", [1, 17, 60])
def test_the_stream_goes_on_from_any_position(count):
    whole = list(islice(make().stream(Position()), 100))
    _, after, _ = whole[count - 1]
    assert list(islice(make().stream(after), 100 - count)) == whole[count:]


def test_processes_share_an_epoch_and_agree_on_the_position():
    one = list(islice(make().stream(Position()), 90))
    ranks = [list(islice(make().stream(Position(), rank, 3), 30)) for rank in range(3)]
    mixed = [ranks[i % 3][i // 3] for i in range(90)]
    assert [b for _, _, b in mixed] == [b for _, _, b in one]
    assert len({tuple(after for _, after, _ in r) for r in ranks}) == 1


def test_more_processes_than_batches():
    lengths = [1.0, 1.0]
    streams = [BatchSampler(lengths, 1.0, 0, 0).stream(Position(), r, 5) for r in range(5)]
    found = [next(s) for s in streams]
    assert {after for _, after, _ in found} == {Position(2, 1)}
