"""Named pieces of Tacotron work for audit, self-test and benchmarks: toy or official size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from vivavoce.audio.specs import COQUI_22K
from vivavoce.models.base import sentences
from vivavoce.models.tacotron2.config import (
    AttentionConfig,
    StyleConfig,
    TacotronConfig,
    TacotronOptions,
)
from vivavoce.models.tacotron2.decoder import LSTMDecoder
from vivavoce.models.tacotron2.model import Tacotron
from vivavoce.models.work import speaking, tokens
from vivavoce.nn.noise import Noise
from vivavoce.types import Audio, FeatureSpec, Workload

DYNAMIC = AttentionConfig("dynamic")
FORWARD = AttentionConfig(forward_attention=True, forward_mask=True, agent=True, window=True)
FULL = TacotronConfig(130, r=2, r_init=6, attention=AttentionConfig())
TOY = TacotronConfig(
    n_tokens=140,
    width=16,
    r=1,
    r_init=2,
    prenet=(16, 16),
    attention=AttentionConfig(width=12, filters=4),
    query=20,
    hidden=20,
    postnet=16,
)
FIRST = TacotronConfig(
    130, generation=1, width=256, prenet=(256, 128), query=256, hidden=256, n_linear=513
)
PRIOR = (0.2, 0.6, 0.2, *[0.0] * 8)
"""Probabilities of moving on by so many tokens: one a step."""
STYLE = StyleConfig("tokens", 16, (4, 4, 8, 8, 8, 8), 8, 4, 2)


def workloads() -> dict[str, Workload]:
    """The pieces of work, by name. A sentence's steps are as many as its tokens allow."""
    plain = AttentionConfig()
    found = (
        _speaking("shortest", 1, 1, plain),
        _speaking("typical", 1, 40, plain),
        _speaking("longest", 1, 200, DYNAMIC),
        _speaking("batch", 4, 20, plain),
        _speaking("dynamic", 1, 20, DYNAMIC),
        _speaking("forward-attention", 1, 20, FORWARD),
        _speaking("graves", 1, 20, AttentionConfig("graves", heads=3)),
        _speaking("generation-1", 1, 20, plain, FIRST),
        Workload("style", "the style of a recording of 3 s, a sentence in it", _style),
    )
    return {work.name: work for work in found}


def random_model(
    config: TacotronConfig, device: torch.device, spec: FeatureSpec = COQUI_22K
) -> Tacotron:
    """Seeded weights. With dynamic attention it reads a token a step and stops at the end."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Tacotron(config, replace(spec, n_mels=config.n_mels))
        decoder = model.decoder
        if config.attention.kind == "dynamic":
            decoder.attention.get_buffer("prior").copy_(torch.tensor(PRIOR).flip(0))
            decoder.attention.get_parameter("v.weight").data.mul_(0.1)
            if isinstance(decoder, LSTMDecoder) and config.r < config.r_init:
                _stop_at_the_end(model, decoder)
    return model.to(device).freeze()


@torch.no_grad()
def _stop_at_the_end(model: Tacotron, decoder: LSTMDecoder) -> None:
    """One unit of the encoder counts the tokens that follow; the stop waits until there are none.

    The count reaches the stop through a frame that is not used.
    """
    lstm, half = model.encoder.get_submodule("lstm"), model.config.width // 2
    for part, values in (
        ("weight_ih_l0_reverse", 0.0),
        ("weight_hh_l0_reverse", 0.0),
        ("bias_ih_l0_reverse", (9.0, 9.0, 0.2, 9.0)),
        ("bias_hh_l0_reverse", 0.0),
    ):
        rows = lstm.get_parameter(part)[::half]  # the first unit's four gates
        rows.copy_(torch.tensor(values))
    count = model.config.hidden + half  # the reversed first unit, among what the frames read
    for values in (decoder.frames.weight[-1], decoder.frames.bias[-1:], decoder.stop.weight):
        values.zero_()
    decoder.frames.weight[-1, count] = 1
    decoder.stop.weight[0, -1], decoder.stop.bias[0] = -200.0, 200 * 0.45


def _speaking(
    name: str, rows: int, count: int, attention: AttentionConfig, size: TacotronConfig = FULL
) -> Workload:
    def made(device: torch.device, full: bool) -> Tacotron:
        config = size if full else _toy(size)
        if not full or attention.kind != "location":
            width, filters = (128, 32) if full else (12, 4)
            config = replace(config, attention=replace(attention, width=width, filters=filters))
        return random_model(config, device)

    return speaking(name, made, rows, count, fewer=3)


def _toy(full: TacotronConfig) -> TacotronConfig:
    if full.generation == 2:
        return TOY
    narrow = replace(TOY, generation=1, prenet=(16, 8), encoder_prenet=(16, 8), n_linear=65)
    return replace(narrow, bank=4, post_bank=3, post_width=8)


def _style(device: torch.device, full: bool = False) -> Callable[[], object]:
    config = replace(FULL, style=StyleConfig("tokens")) if full else replace(TOY, style=STYLE)
    model = random_model(replace(config, attention=DYNAMIC), device)
    samples = 0.1 * torch.randn(3 * 22_050, generator=torch.Generator().manual_seed(2))
    recording = Audio(samples.numpy(), 22_050)

    def speak() -> object:
        voice = model.style_voice(recording)
        return list(model.generate(sentences([tokens(9)], voice, TacotronOptions()), Noise(0)))

    return speak
