"""MelGAN against the reference, exact windows, and names of published checkpoints."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from tests.tolerance import assert_near, assert_recorded
from vivavoce.audio.specs import COQUI_22K
from vivavoce.checkpoints.remap import strict_load
from vivavoce.errors import ConfigError, UsageError
from vivavoce.vocoders.base import decode_windowed, stream_windows
from vivavoce.vocoders.melgan.config import FULLBAND, MULTIBAND, MelganConfig
from vivavoce.vocoders.melgan.importer import IMPORTER
from vivavoce.vocoders.melgan.model import Melgan


def toy(config: MelganConfig = FULLBAND) -> Melgan:
    torch.manual_seed(0)
    return Melgan(replace(config, width=16), COQUI_22K).eval()


@pytest.mark.parity
@pytest.mark.parametrize("name", ["melgan", "fullband_melgan", "multiband_melgan"])
@torch.no_grad()
def test_parity(load_parity, name: str) -> None:
    recorded = load_parity(f"zoo/{name}_tiny")
    sizes = recorded.meta["config"]
    hop = math.prod(sizes["upsample_factors"]) * sizes["out_channels"]
    tables = IMPORTER.tables({"audio": {"hop_length": hop}}, recorded.weights, None)
    vocoder = Melgan.build(tables).eval()
    config = vocoder.config
    assert config.rates == tuple(sizes["upsample_factors"])
    assert config.residuals == sizes["num_res_blocks"]
    ours, dropped = IMPORTER.adapt(recorded.weights)
    strict_load(vocoder, ours)
    assert sorted(dropped) == (
        ["pqmf_layer.H", "pqmf_layer.updown_filter"] if config.bands > 1 else []
    )
    mel = recorded.inputs["mel"]
    assert_recorded(vocoder.bands(mel), recorded, "forward")
    assert_recorded(decode_windowed(vocoder, mel)[:, None], recorded, "inference")
    if config.bands > 1:
        analysed = recorded.outputs["pqmf.analysis"].unsqueeze(2)
        assert_recorded(vocoder.synthesis(analysed)[:, :, 0], recorded, "pqmf.roundtrip")


@pytest.mark.parametrize("config", [MelganConfig(), FULLBAND, MULTIBAND])
@torch.no_grad()
def test_the_receptive_field_is_exact(config: MelganConfig) -> None:
    """With all weights positive nothing cancels: the samples a frame reaches are those computed."""
    vocoder = Melgan(replace(config, width=16), replace(COQUI_22K, n_mels=1)).double().eval()
    for parameter in vocoder.parameters():
        parameter.fill_(0.0 if parameter.dim() == 1 else 0.2)
    field, hop, frame = vocoder.receptive_field, config.hop_length, 30
    features = torch.zeros(1, 1, 61, dtype=torch.float64)
    features[..., frame] = 1e-30
    heard = vocoder(features)[0].nonzero()[:, 0]
    assert (frame - field) * hop <= heard.min() < (frame - field + 1) * hop
    assert (frame + field) * hop <= heard.max() < (frame + field + 1) * hop


@pytest.mark.parametrize("config", [FULLBAND, MULTIBAND])
@pytest.mark.parametrize("length", [1, 47, 75])
@torch.no_grad()
def test_windows_equal_the_whole(config: MelganConfig, length: int) -> None:
    """Both ends keep their mirror, and only they."""
    vocoder = toy(config)
    mel = torch.randn(2, 80, length)
    whole = vocoder.decode(torch.nn.functional.pad(mel, (2, 2), "replicate"))
    assert whole.shape[-1] == vocoder.n_samples(length)
    assert_near(decode_windowed(vocoder, mel, window_frames=40), whole)
    pieces = stream_windows(vocoder, mel.split(7, -1), 45, eager=True)
    assert_near(torch.cat(list(pieces), -1), whole)
    with torch.enable_grad():  # one pass through the last stage, not a tile at a time
        assert_near(decode_windowed(vocoder, mel).detach(), whole)


def test_impossible_sizes_and_speakers_are_refused() -> None:
    with pytest.raises(ConfigError, match="hop of 256"):
        Melgan(MelganConfig(rates=(8, 8, 2)), COQUI_22K)
    with pytest.raises(ConfigError, match="at least 1"):
        Melgan.build({"config": {"rates": [8, 0]}})
    with pytest.raises(ConfigError, match="divisible"):
        Melgan.build({"config": {"width": 18}})
    with pytest.raises(UsageError, match="no speaker"):
        toy().decode(torch.zeros(1, 80, 9), torch.zeros(1, 4, 1))


def test_gradients_reach_every_parameter() -> None:
    vocoder = toy(MULTIBAND).train()
    vocoder.decode(torch.randn(1, 80, 8)).square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in vocoder.parameters() if p.dim() > 1)
