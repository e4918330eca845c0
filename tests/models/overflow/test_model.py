"""Rows side by side, and what is refused or reported."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from vivavoce.errors import TextError
from vivavoce.models.base import Sentence
from vivavoce.models.overflow.config import HmmOptions
from vivavoce.models.overflow.workloads import TOY, TOY_FLOW, random_model
from vivavoce.nn.noise import Noise
from vivavoce.types import Tokens

KINDS = {
    "dropout": replace(TOY, dropout_at_inference=True),
    "sampled": replace(TOY, sampled_moves=True),
    "overflow": replace(TOY, flow=TOY_FLOW),
    "order 2": replace(TOY, order=2),
}


def toy(config=TOY):
    return random_model(config, torch.device("cpu"))


def sentence(model, count, **options):
    tokens = Tokens(tuple(1 + (7 * i + count) % 100 for i in range(count)), (0,) * count)
    return Sentence(tokens, model.voice(), HmmOptions(**options))


@pytest.mark.parametrize("kind", KINDS)
def test_batched_is_single(kind):
    model = toy(KINDS[kind])
    rows = [
        sentence(model, 12, temperature=0.5),
        sentence(model, 3),
        sentence(model, 20, temperature=0.2, duration_threshold=0.6),
    ]
    (batch,) = model.generate(rows, Noise(4, (0, 1, 2)))
    for index, row in enumerate(rows):
        parts = list(model.generate([row], Noise(4, (index,))))
        alone = torch.cat([part.values for part in parts], -1)
        together = batch.row(index).values
        assert alone.shape == together.shape
        assert (alone - together).abs().max() < 1e-4


def test_a_higher_threshold_speaks_faster():
    model = toy()
    lengths = [
        int(next(model.generate([sentence(model, 12, duration_threshold=t)], Noise(0))).lengths)
        for t in (0.05, 0.9)
    ]
    assert lengths[0] > lengths[1]


def test_a_state_that_is_never_left_is_reported():
    model = toy()
    model.output.bias.data[-1] = -100.0
    *_, last = model.generate([sentence(model, 2)], Noise(0))
    assert "found no stop token within 3.7 s" in last.problems[0]


@pytest.mark.parametrize("count", [0, 1001])
def test_a_sentence_without_tokens_or_with_too_many_is_refused(count):
    model = toy()
    with pytest.raises(TextError, match=f"has {count} tokens"):
        model.begin(sentence(model, count), Noise(0))
