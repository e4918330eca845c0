"""Griffin-Lim: the sound has the spectrum asked for, windows are exact, and it fits any mel."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from tests.tolerance import assert_near
from vivavoce.audio.features import extract
from vivavoce.audio.specs import COQUI_22K, HIFIGAN_22K, XTTS_LATENTS
from vivavoce.errors import BadCheckpoint, ConfigError
from vivavoce.vocoders import VOCODERS
from vivavoce.vocoders.base import decode_windowed, stream_windows
from vivavoce.vocoders.griffinlim.config import GriffinLimConfig
from vivavoce.vocoders.griffinlim.model import GriffinLim
from vivavoce.vocoders.griffinlim.workloads import TOY_SPEC


def vowel(seconds: float = 0.8) -> torch.Tensor:
    """`[1, S]`: twenty harmonics of 140 Hz, softer upwards."""
    time = torch.arange(int(22050 * seconds)) / 22050
    waves = [torch.sin(2 * math.pi * 140 * n * time + n * n) / n for n in range(1, 21)]
    return 0.2 * torch.stack(waves).sum(0, keepdim=True)


@pytest.mark.parametrize("spec", [COQUI_22K, HIFIGAN_22K, replace(COQUI_22K, preemphasis=0.97)])
@torch.no_grad()
def test_the_sound_has_the_mel_that_was_asked_for(spec):
    vocoder = GriffinLim(GriffinLimConfig(sharpening=1.0), spec)
    mel = extract(vowel(), spec)
    samples = decode_windowed(vocoder, mel)
    assert samples.shape[-1] == vocoder.n_samples(mel.shape[-1])
    found = extract(samples, spec)
    inner = slice(4, min(mel.shape[-1], found.shape[-1]) - 4)
    loud = mel[..., inner] > mel[..., inner].quantile(0.5)
    error = (found[..., inner] - mel[..., inner]).abs()[loud].mean()
    decibels = 20 / math.log(10) if spec.log == "ln" else 100 / 8  # of one unit of the features
    assert error * decibels < 2.5


@pytest.mark.parametrize("length", [2, 30, 75])
@torch.no_grad()
def test_windows_equal_the_whole(length):
    vocoder = GriffinLim(GriffinLimConfig(iterations=3), TOY_SPEC)
    mel = torch.randn(2, 20, length)
    whole = vocoder.decode(mel)
    assert_near(decode_windowed(vocoder, mel, window_frames=25), whole, 512)
    pieces = stream_windows(vocoder, mel.split(7, -1), 30, eager=True)
    assert_near(torch.cat(list(pieces), -1), whole, 512)


def test_one_frame_alone_has_no_sound_between_frames():
    vocoder = GriffinLim(GriffinLimConfig(iterations=3), TOY_SPEC)
    assert decode_windowed(vocoder, torch.randn(1, 20, 1)).shape == (1, 0)


def test_what_it_cannot_do_is_refused():
    with pytest.raises(ConfigError, match="learned"):
        GriffinLim(GriffinLimConfig(), XTTS_LATENTS)
    with pytest.raises(ConfigError, match="too many to work in windows"):
        GriffinLim(GriffinLimConfig(iterations=30), replace(COQUI_22K, n_fft=4096))
    with pytest.raises(ConfigError, match="from 1 to 30"):
        GriffinLim.build({"config": {"iterations": 0}})
    with pytest.raises(BadCheckpoint, match="no weights"):
        VOCODERS.family("griffinlim").importer.tables({}, {}, None)
