from __future__ import annotations

import threading
from itertools import islice
from pathlib import Path

import pytest
import torch

from tests.train.fake import TwoPhases
from tests.train.test_data import load
from vivavoce.train.data import Data
from vivavoce.train.loader import Loader
from vivavoce.train.sampler import BatchSampler, Position


@pytest.fixture
def toys(toy_data: Path) -> tuple[Data, BatchSampler]:
    found = load(toy_data, TwoPhases({"model": {}}, ()), validation=2)
    return found, BatchSampler([1.0] * 10, 0, 4, seed=3)


def test_batches_come_in_order_and_go_on_from_any_of_them(toys):
    found, sampler = toys
    loader = Loader(found, sampler, Position())
    whole = list(islice(loader, 7))
    loader.close()
    again = Loader(found, sampler, whole[2][0])
    rest = list(islice(again, 4))
    again.close()
    for (here, mine), (there, other) in zip(whole[3:], rest, strict=True):
        assert here == there
        assert torch.equal(mine["samples"], other["samples"])
    assert not torch.equal(whole[0][1]["samples"], whole[3][1]["samples"])


def test_an_error_is_raised_where_the_batch_is_awaited(toys):
    found, sampler = toys
    broken = Data(found.train[:1], (), found.cache, 10)
    loader = Loader(broken, sampler, Position())
    with pytest.raises(IndexError):
        list(islice(loader, 3))
    loader.close()


def test_closing_ends_the_thread(toys):
    loader = Loader(*toys, Position())
    next(loader)
    loader.close()
    assert "vivavoce-loader" not in {t.name for t in threading.enumerate()}
