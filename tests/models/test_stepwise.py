"""Sentences that grow frame by frame, whatever family they are of."""

from __future__ import annotations

import pytest
import torch

from tests.families import engine
from tests.tolerance import assert_near
from vivavoce.models import stepwise
from vivavoce.models.base import Job, sentences
from vivavoce.nn.noise import Noise
from vivavoce.nn.rows import RowStates

FAMILIES = ("overflow", "tacotron2")
TEXTS = ("No.", "The rain begins to fall on the old town.")


def batch(family):
    model = engine(family).model
    voice, options = model.voice(), model.options_type()
    tokens = [model.tokenise(text, voice, options) for text in TEXTS]
    return model, sentences(tokens, voice, options)


@pytest.mark.parametrize("family", FAMILIES)
def test_several_steps_a_read_give_the_same(family, monkeypatch):
    model, wanted = batch(family)
    (one,) = model.generate(wanted, Noise(3, (0, 1)))
    monkeypatch.setattr(stepwise, "STEPS_PER_READ_ON_CPU", 8)
    (several,) = model.generate(wanted, Noise(3, (0, 1)))
    assert torch.equal(one.lengths, several.lengths)
    assert_near(one.values, several.values)  # rows leave later: products of other sizes
    assert one.problems == several.problems


@pytest.mark.parametrize("family", FAMILIES)
def test_a_watcher_that_raises_ends_the_work(family):
    model, (first, second) = batch(family)

    def stop(done: int, total: int) -> None:
        assert 0 < done <= total
        raise KeyboardInterrupt

    batcher = model.batcher(2)
    batcher.add(Job(first))
    batcher.add(Job(second, on_step=stop))
    with pytest.raises(KeyboardInterrupt):
        batcher.step()
    assert not batcher.jobs()
    batcher.add(Job(first))
    while not any(ended for _, _, ended in batcher.step()):
        pass
    assert not batcher.jobs()


def test_rows_of_different_lengths_join_and_leave():
    rows = RowStates()
    for length in (2, 4, 3):
        rows.add({"long": torch.ones(1, length, 5), "short": torch.full((1, 1), float(length))})
    assert rows.tensors["long"].shape == (3, 4, 5)
    assert rows.tensors["long"].sum((1, 2)).tolist() == [10, 20, 15]
    rows.keep([2, 0])
    assert rows.tensors["short"][:, 0].tolist() == [3, 2]
    rows.keep([])
    assert not rows.tensors
