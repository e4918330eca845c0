"""Bark's transformers and stages against the reference, on its draws."""

from __future__ import annotations

import pytest
import torch

from tests.models.bark.toy import history_of, loaded
from tests.tolerance import assert_recorded
from vivavoce.models.bark.config import BarkOptions
from vivavoce.models.bark.gpt import Decoding
from vivavoce.models.bark.stages import coarse_codes, fine_codes, semantic_tokens

pytestmark = pytest.mark.parity
SAID = 3
"""The token behind the recorded prompt."""


@pytest.fixture
def recorded(load_parity):
    parity = load_parity("zoo/bark_tiny")
    return parity, loaded(parity)


def drawn(numbers: torch.Tensor):
    """The next numbers of a recording; `left` says how many remain."""
    state = {"at": 0}

    def draw(count: int) -> torch.Tensor:
        state["at"] += count
        return numbers[state["at"] - count : state["at"]]

    draw.left = lambda: len(numbers) - state["at"]
    return draw


@torch.no_grad()
def test_logits_of_the_semantic_model_and_of_the_next_step(recorded):
    parity, model = recorded
    ids, gpt = parity.inputs["semantic_prompt"][0], model.semantic
    text, history, infer = ids[:256], ids[256:512], ids[512:]
    decoding = Decoding(gpt, 260)
    prompt = torch.cat([gpt.tokens(text) + gpt.tokens(history), gpt.tokens(infer)])
    state = decoding.begin(prompt)
    n_out = gpt.config.n_out
    assert_recorded(gpt.scores(state, 0, n_out)[None], parity, "semantic_logits")
    found = gpt.scores(decoding.append(torch.tensor([SAID])), 0, n_out)[None]
    assert_recorded(found, parity, "semantic_logits_next")


@torch.no_grad()
def test_logits_of_the_coarse_and_the_fine_model(recorded):
    parity, model = recorded
    ids = parity.inputs["coarse_ids"][0]
    state = Decoding(model.coarse, 64).begin(model.coarse.tokens(ids))
    assert_recorded(model.coarse.scores(state, 0, 64)[None], parity, "coarse_logits")
    for book in (3, 7):
        found = model.fine.scores(parity.inputs["fine_ids"][0], book, 17)
        assert_recorded(found[None], parity, f"fine_logits{book}")


@pytest.mark.parametrize("kind", ["plain", "history"])
@torch.no_grad()
def test_codes_are_those_of_the_reference(recorded, kind):
    parity, model = recorded
    history = history_of(parity) if kind == "history" else None
    text = parity.inputs["text_ids"] + model.config.text_offset
    uniform = parity.inputs[f"{kind}.semantic_uniform"]
    semantic, _ = semantic_tokens(
        model.semantic, model.config, text, history, BarkOptions(), uniform, may_end=False
    )
    assert torch.equal(semantic, parity.outputs[f"{kind}.semantic"])
    draw = drawn(parity.inputs[f"{kind}.coarse_uniform"])
    coarse = coarse_codes(model.coarse, model.config, semantic, history, 0.7, draw)
    assert torch.equal(coarse, parity.outputs[f"{kind}.coarse"])
    assert not draw.left()
    draw = drawn(parity.inputs[f"{kind}.fine_uniform"])
    fine = fine_codes(model.fine, model.config, coarse, history, 0.5, draw)
    assert torch.equal(fine, parity.outputs[f"{kind}.fine"])
    assert not draw.left()


@torch.no_grad()
def test_the_likeliest_fine_codes(recorded):
    parity, model = recorded
    coarse = parity.outputs["plain.coarse"]
    found = fine_codes(model.fine, model.config, coarse, None, 0.0, drawn(torch.zeros(0)))
    assert torch.equal(found, parity.outputs["plain.fine_greedy"])
