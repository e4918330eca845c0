"""WaveGrad against the reference, on its draws; windows in every step; official names."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.tolerance import assert_near, assert_recorded
from vivavoce.audio.specs import COQUI_22K
from vivavoce.checkpoints.remap import strict_load, without_numbers
from vivavoce.errors import BadCheckpoint, ConfigError, UsageError
from vivavoce.vocoders import VOCODERS
from vivavoce.vocoders.base import decode_windowed, stream_windows
from vivavoce.vocoders.wavegrad.config import WavegradConfig
from vivavoce.vocoders.wavegrad.importer import IMPORTER
from vivavoce.vocoders.wavegrad.model import Wavegrad
from vivavoce.vocoders.wavegrad.workloads import TOY

MANIFESTS = Path(__file__).parents[1] / "data" / "manifests"


def toy(config: WavegradConfig = TOY) -> Wavegrad:
    torch.manual_seed(0)
    return Wavegrad(replace(config, steps=3), COQUI_22K).eval()


@pytest.mark.parity
@pytest.mark.parametrize("name", ["wavegrad", "wavegrad_weight_norm"])
@torch.no_grad()
def test_parity(load_parity, name: str) -> None:
    recorded = load_parity(f"zoo/{name}_tiny")
    sizes, given = recorded.meta["config"], recorded.inputs
    audio = {"hop_length": math.prod(sizes["upsample_factors"])}
    tables = IMPORTER.tables({"model_params": sizes, "audio": audio}, recorded.weights, None)
    vocoder = Wavegrad.build(tables).eval()
    ours, dropped = IMPORTER.adapt(recorded.weights)
    strict_load(vocoder, ours)
    assert not dropped
    mel = given["mel"]
    level = given["noise_scale"].item()
    assert_recorded(vocoder(given["y"][:, 0], mel, level)[:, None], recorded, "forward")
    found = vocoder.refine(mel, iter(given["steps50.noise"][:, :, 0]))
    assert_recorded(found[:, None], recorded, "steps50")
    six = iter([given[f"steps6.noise{n}"][:, 0] for n in range(6)])
    assert_recorded(vocoder.refine(mel, six, given["beta6"])[:, None], recorded, "steps6")


@pytest.mark.parametrize("size", [26, 31, 240])
@torch.no_grad()
def test_a_step_in_windows_equals_one_pass(monkeypatch, size: int) -> None:
    vocoder = toy()
    samples, mel = torch.randn(1, 70 * 256), torch.randn(1, 80, 70)
    whole = vocoder(samples, mel, 0.7)
    monkeypatch.setattr(Wavegrad, "window_frames", size)
    assert_near(vocoder.named_noise(samples, mel, 0.7), whole, 256)


@torch.no_grad()
def test_the_reach_covers_what_a_frame_changes() -> None:
    vocoder = toy().double()
    for parameter in vocoder.parameters():
        parameter.fill_(0.3 if parameter.dim() > 1 else 0.1)
    samples, mel = torch.zeros(1, 41 * 256).double(), torch.zeros(1, 80, 41).double()
    plain, reach = vocoder(samples, mel, 0.5), vocoder.config.reach()
    mel[..., 20] = 1
    samples[:, 20 * 256 : 21 * 256] = 1
    heard = (vocoder(samples, mel, 0.5) != plain)[0].nonzero()[:, 0]
    assert (20 - reach) * 256 <= heard.min() < (20 - reach + 5) * 256
    assert (20 + reach - 4) * 256 <= heard.max() < (20 + reach + 1) * 256


@torch.no_grad()
def test_streamed_and_batched_are_single() -> None:
    vocoder, mel = toy(), torch.randn(2, 80, 20)
    whole = decode_windowed(vocoder, mel)
    assert whole.shape[-1] == vocoder.n_samples(20)
    assert whole.abs().max() <= 1
    assert_near(decode_windowed(vocoder, mel[1:]), whole[1:], 256)
    pieces = list(stream_windows(vocoder, mel.split(7, -1), 9))
    assert_near(torch.cat(pieces, -1), whole, 256)


@pytest.mark.parametrize("name", ["default", "libritts"])
def test_the_official_checkpoints_fit(name: str) -> None:
    keys = json.loads((MANIFESTS / f"wavegrad_{name}.json").read_text())["keys"]
    foreign = {key: torch.empty(shape, device="meta") for key, shape in keys.items()}
    assert VOCODERS.recognise(foreign) == "wavegrad"
    said = {"test_noise_schedule": {"min_val": 1e-5, "max_val": 0.02, "num_steps": 30}}
    tables = IMPORTER.tables({"generator_model": "wavegrad", "audio": {}, **said}, foreign, None)
    with without_numbers():
        vocoder = Wavegrad.build(tables)
    noise = {"steps": 30, "least_noise": 1e-5, "most_noise": 0.02}
    assert vocoder.config == replace(WavegradConfig(), **noise)
    ours, dropped = IMPORTER.adapt(foreign)
    strict_load(vocoder, ours)
    assert not dropped
    if name != "default":
        return
    half = {k: v for k, v in foreign.items() if not k.startswith("x_conv")}
    with pytest.raises(BadCheckpoint, match="part of the wavegrad is missing"):
        IMPORTER.tables({"audio": {}}, half, None)


@pytest.mark.parametrize(
    "bad",
    [
        {"rates": [4, 4]},
        {"dilations": [[1, 2]] * 5},
        {"steps": 0},
        {"steps": 10_000},
        {"least_noise": 0.5, "most_noise": 0.1},
        {"signal_width": 0},
    ],
)
def test_impossible_sizes_are_refused(bad: dict) -> None:
    with pytest.raises(ConfigError):
        Wavegrad.build({"config": bad})


def test_a_speaker_is_refused() -> None:
    with pytest.raises(UsageError, match="no speaker"):
        toy().decode(torch.zeros(1, 80, 9), torch.zeros(1, 4, 1))
