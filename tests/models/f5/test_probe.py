"""A model is read as what it was trained as: fitted to one recording in either reading."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from tests.models.f5.toy import QUICK, tokens, toy, toy_voice
from vivavoce.models.base import sentences
from vivavoce.models.f5.config import F5Config
from vivavoce.models.f5.dit import DiT
from vivavoce.models.f5.model import F5TTS
from vivavoce.models.f5.probe import READINGS, flow_error, probe, read_as
from vivavoce.nn.noise import Noise

SMALL = F5Config(
    dim=32, depth=1, heads=2, head_dim=16, text_dim=16, text_layers=1, n_tokens=20, n_mels=8
)
N_FRAMES = 48
RATE = 5e-3


def recording() -> tuple[torch.Tensor, torch.Tensor]:
    """A mel in which every token sounds like itself, for four frames in its place."""
    generator = torch.Generator().manual_seed(5)
    ids = torch.arange(N_FRAMES // 4) % 20
    sounds = torch.randn(20, 8, generator=generator)
    return sounds[ids].repeat_interleave(4, dim=0), ids


def fitted(name: str, n_steps: int = 40) -> DiT:
    """A few steps on the flow of one recording, read as `name`."""
    mel, ids = recording()
    backbone = DiT(SMALL)
    read_as(backbone, name)
    given = mel.clone()
    given[int(0.4 * N_FRAMES) :] = 0
    for _ in range(n_steps):
        time, noise = torch.rand(1), torch.randn_like(mel)
        context = backbone.context(given[None], [ids], [N_FRAMES])
        x = (1 - time) * noise + time * mel
        flow = backbone(x[None], backbone.schedule(time), context)[0]
        loss = F.mse_loss(flow, mel - noise)
        weights = list(backbone.parameters())
        with torch.no_grad():
            # every optimiser of torch's would import its compiler, for seconds
            for weight, slope in zip(weights, torch.autograd.grad(loss, weights), strict=True):
                weight -= RATE * slope.sign()
    return backbone.eval().requires_grad_(False)


def flags(backbone) -> tuple[bool, int]:
    return backbone.text.mask_text, backbone.blocks[0].attention.rotary_heads


@pytest.mark.parametrize("name", READINGS)
def test_the_reading_it_was_trained_in_is_found(name):
    backbone = fitted(name)
    for first in READINGS:  # whatever it was read as before
        read_as(backbone, first)
        assert probe(backbone, *recording()) == name
        assert flags(backbone) == (name == "v1", 2 if name == "v1" else 1)


def test_the_error_is_the_flow_s_and_the_same_every_time():
    mel, ids = recording()
    untrained = DiT(SMALL)  # answers zero: the error is the flow's own size
    assert flow_error(untrained, mel, ids) == flow_error(untrained, mel, ids)
    size = float((mel[int(0.4 * N_FRAMES) :].square().mean()) + 1)
    assert flow_error(untrained, mel, ids) == pytest.approx(size, rel=0.2)
    assert flow_error(fitted("v1"), mel, ids) < 0.8 * size


@pytest.mark.parametrize("better", READINGS)
def test_a_model_of_unknown_reading_asks_once(better, monkeypatch):
    model, asked = toy("v1"), []
    model.variant = "unknown"

    def error(backbone, mel, ids):
        asked.append((flags(backbone), tuple(mel.shape), len(ids)))
        return float(flags(backbone)[0] != (better == "v1"))

    monkeypatch.setattr("vivavoce.models.f5.probe.flow_error", error)
    voice, noise = toy_voice(), Noise(0)
    (chosen,) = model.generate(sentences(tokens(model, "one two."), voice, QUICK), noise)
    assert model.variant == better
    assert [one for one, _, _ in asked] == [(True, 2), (False, 1)]
    n_letters = len(voice.transcript.strip() + ".  ")
    assert asked[0][1:] == (tuple(model.mel(voice.tensors["samples"]).shape), n_letters)
    list(model.generate(sentences(tokens(model, "one two."), voice, QUICK), Noise(0)))
    assert len(asked) == 2
    (stated,) = toy(better).generate(sentences(tokens(model, "one two."), voice, QUICK), Noise(0))
    assert torch.equal(chosen.values, stated.values)


def test_a_known_reading_is_not_asked_for(monkeypatch):
    monkeypatch.setattr(F5TTS, "settle", None)
    for variant in ("", "v0", "mixed"):
        model = toy("v0")
        model.variant = variant
        list(model.generate(sentences(tokens(model, "one."), toy_voice(), QUICK), Noise(0)))
