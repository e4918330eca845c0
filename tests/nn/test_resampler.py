"""States spread over frames: as the reference does it, and piece by piece the same."""

from __future__ import annotations

import pytest
import torch

from tests.tolerance import assert_near, assert_recorded
from vivavoce.nn.resampler import LatentResampler
from vivavoce.types import FeatureSpec
from vivavoce.vocoders.base import decode_windowed, stream_windows
from vivavoce.vocoders.hifigan import importer as convert
from vivavoce.vocoders.hifigan.config import HifiganConfig
from vivavoce.vocoders.hifigan.model import Hifigan


def official(speed: float = 1.0) -> LatentResampler:
    return LatentResampler.of(1024, 256, (22050, 24000), speed)


@pytest.fixture
def parity(load_parity):
    return load_parity("xtts_hifigan_tiny")


@pytest.mark.parity
def test_frames_are_the_references(parity):
    latents = parity.inputs["latents"].transpose(1, 2)
    first = LatentResampler((4.0,)).frames(latents)
    assert_recorded(first, parity, "interp1")
    found = official().frames(latents)
    assert_recorded(found, parity, "interp2")


def vocoder_of(parity) -> Hifigan:
    sizes, place = parity.meta["config"], "waveform_decoder."
    tensors = {k.removeprefix(place): v for k, v in parity.weights.items() if k.startswith(place)}
    weights, _ = convert.adapt(tensors)
    config = HifiganConfig(
        width=sizes["upsample_initial_channel_decoder"],
        condition_dim=sizes["d_vector_dim"],
        condition_stages=sizes["cond_d_vector_in_each_upsampling_layer"],
        output_bias=False,
    )
    spec = FeatureSpec(kind="latent", sample_rate=24000, n_mels=sizes["decoder_input_dim"])
    vocoder = Hifigan(config, spec)
    vocoder.load_state_dict(weights)
    return vocoder.freeze()


@pytest.mark.parity
def test_the_waveform_is_the_references(parity):
    vocoder, speaker = vocoder_of(parity), parity.inputs["speaker"]
    frames = official().frames(parity.inputs["latents"].transpose(1, 2))
    for found in (
        vocoder.decode(frames, speaker),
        decode_windowed(vocoder, frames, None, 30, speaker),
    ):
        assert_recorded(found[:, None], parity, "wave")


@pytest.mark.parametrize("speed", [1.0, 0.5, 1.37, 3.0])
def test_what_is_settled_stays_as_it_is(speed):
    """Codes that follow change no frame that was given; the last ones come at the end."""
    stretch = official(speed)
    latents = torch.randn(1, 3, 41)
    whole = stretch.frames(latents)
    assert whole.shape[-1] == stretch.length(41)
    for n in range(1, 42):
        settled = stretch.settled(n)
        assert 0 <= settled <= stretch.length(n)
        part = stretch.frames(latents[..., :n])
        assert part.shape[-1] == stretch.length(n)
        assert torch.equal(part[..., :settled], whole[..., :settled])
    assert stretch.settled(41) >= stretch.length(40) - 3 * stretch.length(2)


@pytest.mark.parity
def test_streamed_equals_whole(parity):
    """Each sample is made once, out of windows that know 13 frames more on either side."""
    vocoder, speaker, stretch = vocoder_of(parity), parity.inputs["speaker"], official()
    assert vocoder.receptive_field == 13
    latents = torch.randn(1, 64, 60)
    whole = vocoder.decode(stretch.frames(latents), speaker)

    def parts():
        given = 0
        for n in (6, 12, 24, 60):
            stop = stretch.length(n) if n == 60 else stretch.settled(n)
            yield stretch.frames(latents[..., :n])[..., given:stop]
            given = stop

    pieces = list(stream_windows(vocoder, parts(), 240, speaker, eager=True))
    assert len(pieces) == 5
    assert pieces[0].shape[1] > 0
    found = torch.cat(pieces, dim=-1)
    assert_near(found, whole)
