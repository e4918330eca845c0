"""The reference's processors, and drawing from what they leave."""

from __future__ import annotations

import pytest
import torch

from tests.models.xtts.sampled import sampled
from tests.tolerance import recorded_unit
from vivavoce.nn.gpt_decode import ALWAYS_SEEN
from vivavoce.nn.sampling import Samplers, inverse_cdf

CPU = torch.device("cpu")


@pytest.fixture
def recorded(load_parity):
    parity = load_parity("xtts_gpt_tiny")
    how = parity.meta["sampling"]
    sampler = sampled(
        how["temperature"], how["top_k"], how["top_p"], float(how["repetition_penalty"])
    )
    return parity, sampler


def steps(parity):
    """Per code: the raw logits, which codes were there, the code that was drawn."""
    logits = parity.outputs["sampled.raw_logits"].clone()
    seen = torch.zeros(1, logits.shape[1], dtype=torch.bool)
    seen[0, [ALWAYS_SEEN, parity.meta["config"]["start_audio_token"]]] = True
    logits[:, parity.meta["config"]["stop_audio_token"]] = -torch.inf
    for row, code in zip(logits, parity.outputs["tokens.sampled_seed77"][0], strict=True):
        yield row[None], seen.clone(), int(code)
        seen[0, code] = True


@pytest.mark.parity
def test_what_the_reference_leaves_to_draw_from(recorded):
    parity, sampler = recorded
    expected_kept = parity.outputs["sampled.kept_mask"]
    expected = parity.outputs["sampled.processed_scores"]
    unit = recorded_unit(parity, "sampled.processed_scores")
    rows = Samplers([sampler], expected.shape[1], CPU)
    for n, (logits, seen, code) in enumerate(steps(parity)):
        scores = rows.kept(rows.penalised(logits, seen) / rows.temperature)[0]
        kept = scores > -torch.inf
        assert torch.equal(kept, expected_kept[n])
        assert kept[code]
        assert (scores[kept] - expected[n][kept]).abs().max() <= unit


@pytest.mark.parity
def test_the_same_draws_pick_the_same_codes(recorded):
    """From the reference's processed scores and from ours."""
    parity, sampler = recorded
    rows = Samplers([sampler], parity.outputs["sampled.kept_mask"].shape[1], CPU)
    uniform = torch.rand(40, 25, generator=torch.Generator().manual_seed(5))
    picked = set()
    for n, (logits, seen, _) in enumerate(steps(parity)):
        kept = parity.outputs["sampled.kept_mask"][n]
        theirs = parity.outputs["sampled.processed_scores"][n].masked_fill(~kept, -torch.inf)
        for u in uniform[n]:
            ours = rows.pick(logits, seen, u[None])
            assert ours == inverse_cdf(theirs[None], u[None])
            picked.add(int(ours))
    assert len(picked) > 10


def test_each_row_has_its_own_settings():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(4, 50, generator=generator) * 3
    seen = torch.rand(4, 50, generator=generator) < 0.3
    uniform = torch.rand(4, generator=generator)
    settings = [sampled(0.0), sampled(0.7, 10, 0.9, 3.0), sampled(1.0, 0, 1.0, 1.0), sampled(2, 1)]
    together = Samplers(settings, 50, CPU).pick(logits, seen, uniform)
    for row, sampler in enumerate(settings):
        part = slice(row, row + 1)
        alone = Samplers([sampler], 50, CPU).pick(logits[part], seen[part], uniform[part])
        assert alone == together[row]
    first = Samplers(settings[:1], 50, CPU).penalised(logits[:1], seen[:1])
    assert together[0] == first.argmax()
    assert together[3] == Samplers(settings[3:], 50, CPU).penalised(logits[3:], seen[3:]).argmax()


def test_draws_follow_the_probabilities():
    scores = torch.tensor([[0.5, 0.0, 0.3, 0.2]]).log()
    uniform = torch.linspace(0, 1, 10_001)[:-1]
    codes = inverse_cdf(scores.expand(len(uniform), -1), uniform)
    shares = torch.bincount(codes, minlength=4) / len(uniform)
    assert (shares - torch.tensor([0.5, 0.0, 0.3, 0.2])).abs().max() < 1e-3


def test_the_likeliest_is_always_left():
    scores = torch.tensor([[9.0, 1.0, 1.0]])
    rows = Samplers([sampled(1.0, 0, 0.01, 1.0)], 3, CPU)
    assert (rows.kept(scores) > -torch.inf).tolist() == [[True, False, False]]
