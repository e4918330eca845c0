"""The GPT against recordings of the reference (float32, CPU)."""

from __future__ import annotations

import pytest
import torch

from vivavoce.models.xtts.cache import Span

TOLERANCE = 2e-5


@pytest.fixture
def latents(parity):
    return parity.outputs["cond_latents"]


def close(found, expected):
    assert found.shape == expected.shape
    assert (found - expected).abs().max() <= TOLERANCE


@pytest.mark.parity
def test_embeddings(parity, gpt):
    close(gpt.text(parity.inputs["text"]), parity.outputs["text_emb"])
    codes = parity.inputs["codes"]
    said = torch.cat([gpt.start(codes.device), gpt.codes(codes, torch.arange(1, 12))], dim=1)
    close(said, parity.outputs["mel_emb"][:, :12])


@pytest.mark.parity
def test_all_at_once(parity, gpt, latents):
    inputs = parity.inputs
    text, codes = gpt.taught(latents, inputs["text"], inputs["codes"])
    close(gpt.text_head(text).transpose(1, 2), parity.outputs["text_logits"])
    logits = gpt.code_head(codes).transpose(1, 2)
    close(logits, parity.outputs["mel_logits"][..., : logits.shape[-1]])
    close(codes[:, : inputs["codes"].shape[1]], parity.outputs["latents_teacher"])


def test_step_by_step_is_all_at_once(parity, gpt, latents):
    """A prompt in two parts, then codes one by one, in the second row of a cache."""
    inputs = parity.inputs
    _, whole = gpt.taught(latents, inputs["text"], inputs["codes"])
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
    assert (torch.cat(found, dim=1) - whole).abs().max() < 1e-5
