"""Published names are used to the last one; other configurations are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from vivavoce.checkpoints.remap import strict_load
from vivavoce.errors import BadCheckpoint
from vivavoce.vocoders.melgan.config import FULLBAND, MULTIBAND, MelganConfig
from vivavoce.vocoders.melgan.importer import IMPORTER
from vivavoce.vocoders.melgan.model import Melgan

MANIFESTS = Path(__file__).parents[2] / "data" / "manifests"
SIZES = {
    "melgan_multiband_ljspeech": MULTIBAND,
    "melgan_fullband_libritts": FULLBAND,
    "melgan_fullband_recipe": MelganConfig(residuals=4),
    "melgan_default": MelganConfig(),
}


def official(name: str, prefix: str = "") -> dict[str, torch.Tensor]:
    keys = json.loads((MANIFESTS / f"{name}.json").read_text())["keys"]
    return {prefix + key: torch.empty(shape, device="meta") for key, shape in keys.items()}


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("prefix", ["", "model_g."])
def test_the_official_checkpoints_fit(name: str, prefix: str) -> None:
    foreign = official(name, prefix)
    if prefix:
        foreign["model_d.layers.1.bias"] = torch.empty(3, device="meta")
    assert IMPORTER.recognises(foreign)
    audio = {"hop_length": 256, "sample_rate": 24000}
    tables = IMPORTER.tables({"audio": audio}, foreign, None)
    with torch.device("meta"):
        vocoder = Melgan.build(tables)
    assert vocoder.config == SIZES[name]
    assert vocoder.accepts.sample_rate == 24000
    ours, dropped = IMPORTER.adapt(foreign)
    strict_load(vocoder, ours)
    assert all("pqmf" in key or key.startswith("model_d.") for key in dropped)
    normed = [key for key in foreign if key.endswith("original0")]
    assert len(ours) + len(normed) + len(dropped) == len(foreign)


def test_another_configuration_is_refused() -> None:
    foreign = official("melgan_default")
    with pytest.raises(BadCheckpoint, match="hifigan_generator"):
        IMPORTER.tables({"generator_model": "hifigan_generator", "audio": {}}, foreign, None)
    with pytest.raises(BadCheckpoint, match="'audio'"):
        IMPORTER.tables({"generator_model": "melgan_generator"}, foreign, None)
    with pytest.raises(BadCheckpoint, match="scale_stats"):
        IMPORTER.tables({"audio": {"stats_path": "scale_stats.npy"}}, foreign, None)


@pytest.mark.parametrize("part", ["layers.1.", "layers.6.", "layers.16."])
def test_half_a_checkpoint_is_refused(part: str) -> None:
    foreign = {k: v for k, v in official("melgan_default").items() if not k.startswith(part)}
    with pytest.raises(BadCheckpoint, match="part of the melgan_generator is missing"):
        IMPORTER.tables({"audio": {}}, foreign, None)


def test_a_filter_bank_of_another_length_is_refused() -> None:
    foreign = official("melgan_multiband_ljspeech")
    foreign["pqmf_layer.G"] = torch.empty(1, 4, 31, device="meta")
    with pytest.raises(BadCheckpoint, match="31 taps"):
        IMPORTER.tables({"audio": {}}, foreign, None)
