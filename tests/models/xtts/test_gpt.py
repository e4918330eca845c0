"""The GPT against recordings of the reference (float32, CPU)."""

from __future__ import annotations

import pytest
import torch

from tests.tolerance import assert_near, assert_recorded
from vivavoce.nn.kv_cache import Span


@pytest.fixture
def latents(parity):
    return parity.outputs["cond_latents"]


@pytest.mark.parity
def test_embeddings(parity, gpt):
    assert_recorded(gpt.text(parity.inputs["text"]), parity, "text_emb")
    codes = parity.inputs["codes"]
    said = torch.cat([gpt.start(codes.device), gpt.codes(codes, torch.arange(1, 12))], dim=1)
    assert_recorded(said, parity, "mel_emb", (slice(None), slice(12)))


@pytest.mark.parity
def test_all_at_once(parity, gpt, latents):
    inputs = parity.inputs
    text, codes = gpt.teacher_forced(latents, inputs["text"], inputs["codes"])
    assert_recorded(gpt.text_head(text).transpose(1, 2), parity, "text_logits")
    logits = gpt.code_head(codes).transpose(1, 2)
    assert_recorded(logits, parity, "mel_logits", (..., slice(logits.shape[-1])))
    assert_recorded(codes[:, : inputs["codes"].shape[1]], parity, "latents_teacher")


def test_step_by_step_is_all_at_once(parity, gpt, latents):
    """A prompt in two parts, then codes one by one, in the second row of a cache."""
    inputs = parity.inputs
    _, whole = gpt.teacher_forced(latents, inputs["text"], inputs["codes"])
    prompt = torch.cat([latents, gpt.text(inputs["text"]), gpt.start(latents.device)], dim=1)
    cache, cpu = gpt.cache(2), torch.device("cpu")
    cache.reserve(prompt.shape[1] + 1)
    gpt(prompt[:, :32], cache, Span.prompt(1, 0, 32, cpu))
    found = [gpt(prompt[:, 32:], cache, Span.prompt(1, 32, prompt.shape[1] - 32, cpu))[:, -1:]]
    cache.copy(cache, 1, 0, prompt.shape[1])
    for n, code in enumerate(inputs["codes"][0]):
        cache.reserve(prompt.shape[1] + n + 1)
        span = Span.step([prompt.shape[1] + n], cpu)
        found.append(gpt(gpt.codes(code.view(1, 1), torch.tensor([n + 1])), cache, span))
    assert_near(torch.cat(found, dim=1), whole)
