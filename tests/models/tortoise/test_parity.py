"""Every network of Tortoise against recordings of the reference."""

from __future__ import annotations

import pytest
import torch

from tests.tolerance import UNITS, assert_recorded, assert_within, peak
from vivavoce.checkpoints.remap import renamed, renamed_once, strict_load, under
from vivavoce.models.tortoise.config import (
    DiffusionConfig,
    RankConfig,
    TortoiseConfig,
    TortoiseOptions,
)
from vivavoce.models.tortoise.diffusion import DiffusionDecoder
from vivavoce.models.tortoise.importer import _RANK
from vivavoce.models.tortoise.rank import Rank
from vivavoce.models.tortoise.schedule import denoised, steps_back
from vivavoce.nn.gpt import Gpt
from vivavoce.nn.gpt_decode import GptDecoder, GptPrompt
from vivavoce.nn.gpt_names import GPT_NAMES, turned
from vivavoce.nn.mel_attention import ConditioningEncoder

pytestmark = pytest.mark.parity
RECORDED_STEP = 500
"""At which `forward` was recorded."""


def gpt(recorded) -> Gpt:
    c = recorded.meta["config"]
    model = Gpt(
        TortoiseConfig(
            width=c["model_dim"],
            depth=c["layers"],
            heads=c["heads"],
            text_tokens=c["number_text_tokens"] + 1,
            start_text=c["start_text_token"],
            max_text=c["max_text_tokens"],
            code_tokens=c["number_mel_codes"],
            start_code=c["start_mel_token"],
            stop_code=c["stop_mel_token"],
            max_codes=c["max_mel_tokens"] + 1,
        )
    )
    named = {f"gpt.{k}": v for k, v in recorded.weights.items() if "conditioning" not in k}
    ours = {renamed_once(name, GPT_NAMES): turned(name, v) for name, v in named.items()}
    strict_load(model, under(ours, "gpt."))
    return model.eval()


@torch.no_grad()
def test_a_recording_is_heard_as_by_the_reference(load_parity):
    recorded = load_parity("zoo/tortoise_gpt_tiny")
    c = recorded.meta["config"]
    encoder = ConditioningEncoder(80, c["model_dim"], c["heads"], 6, residual=True)
    strict_load(encoder, under(recorded.weights, "conditioning_encoder."))
    heard = [encoder(mel)[..., 0] for mel in recorded.inputs["conditioning_mels"].unbind(1)]
    assert_recorded(torch.stack(heard).mean(0), recorded, "conditioning")


@torch.no_grad()
def test_the_gpt_says_the_same_codes_and_gives_the_same_states(load_parity):
    recorded = load_parity("zoo/tortoise_gpt_tiny")
    model, voice = gpt(recorded), recorded.outputs["conditioning"][:, None]
    ids = recorded.inputs["text"]
    states = model.teacher_forced(voice, ids, recorded.inputs["codes"])[1][:, :-1]
    assert_recorded(states, recorded, "latents")
    said = recorded.outputs["codes_greedy"][0].tolist()
    prompt = torch.cat([voice, model.text(ids), model.start(ids.device)], dim=1)
    options = TortoiseOptions(temperature=0.0)
    decoding = GptDecoder(model, 1)
    sequence = decoding.add(GptPrompt(prompt), options, torch.zeros(len(said)))
    while not sequence.done:
        decoding.step()
    assert sequence.codes == said


@torch.no_grad()
def test_takes_are_ranked_as_by_the_reference(load_parity):
    recorded = load_parity("zoo/tortoise_clvp_tiny")
    c = recorded.meta["config"]
    rank = Rank(
        RankConfig(
            c["dim_text"],
            c["text_enc_depth"],
            c["text_heads"],
            c["dim_latent"],
            c["num_text_tokens"],
            c["num_speech_tokens"],
        )
    )
    ours = {renamed(name, _RANK): tensor for name, tensor in recorded.weights.items()}
    strict_load(rank, ours, ["*.inv_freq"])
    text, speech = recorded.inputs["text"], recorded.inputs["speech"]
    assert_recorded(rank.text.states(text), recorded, "text_encoded")
    each = [rank(text[n : n + 1], speech[n : n + 1]) for n in range(len(text))]
    assert_recorded(torch.cat(each), recorded, "similarity")


@pytest.fixture
def decoder(load_parity):
    recorded = load_parity("zoo/tortoise_diffusion_tiny")
    c = recorded.meta["config"]
    config = DiffusionConfig(c["model_channels"], c["num_layers"], c["num_heads"])
    model = DiffusionDecoder(config, c["in_latent_channels"], c["in_channels"])
    strict_load(model, recorded.weights, ["code_embedding.*", "code_converter.*", "mel_head.*"])
    return recorded, model.eval()


@torch.no_grad()
def test_the_diffusion_decoder_is_the_published_one(decoder):
    recorded, model = decoder
    voice = model.voice(list(recorded.inputs["conditioning_mels"].unbind(1)))
    assert_recorded(voice, recorded, "conditioning")
    said = model.said(recorded.inputs["latents"], voice, recorded.inputs["x"].shape[-1])
    assert_recorded(said, recorded, "precomputed")
    noisy = recorded.inputs["x"]
    assert_recorded(model(noisy, RECORDED_STEP, said), recorded, "forward")
    # what is the same in all frames is divided by a small spread: the recording names no error of
    # its own for that, so the reference's is measured here
    unsaid, expected = model.unsaid(said), recorded.outputs["forward_free"]
    found = model(noisy, RECORDED_STEP, unsaid)
    exact = model.double()(noisy.double(), RECORDED_STEP, unsaid.double())
    model.float()
    assert_within(found, expected, UNITS * peak(expected - exact), "forward_free")


@pytest.mark.parametrize("sampler", ["ddim8", "p8"])
@torch.no_grad()
def test_both_samplers_make_the_recorded_mel(decoder, sampler):
    recorded, model = decoder
    expected = recorded.outputs[f"sample.{sampler}"]
    exact = sampled(recorded, model.double(), sampler, torch.float64)
    found = sampled(recorded, model.float(), sampler, torch.float32)
    # each of the 8 steps enlarges the rounding of those before: the reference's own, measured here
    assert_within(found, expected, UNITS * peak(expected - exact), sampler)


def sampled(recorded, model, sampler: str, dtype: torch.dtype) -> torch.Tensor:
    inputs = recorded.inputs
    draws = [inputs[f"{sampler}.noise{n}"].to(dtype) for n in range(8)]
    said = recorded.outputs["emb36"].to(dtype)
    both = torch.cat([said, model.unsaid(said)])
    return denoised(
        inputs["sample_noise"].to(dtype),
        steps_back(8, 4000),
        lambda x, step: model(x, step, both),
        2.0,
        (lambda: draws.pop(0)) if sampler == "p8" else None,
    )
