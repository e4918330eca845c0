"""Official names are used to the last one, in every spelling of weight norm."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.tolerance import assert_recorded
from vivavoce.audio.specs import BIGVGAN_24K
from vivavoce.checkpoints import store
from vivavoce.checkpoints.remap import fold_weight_norm, strict_load
from vivavoce.errors import BadCheckpoint, ConfigError
from vivavoce.hub import library
from vivavoce.vocoders.base import decode_windowed
from vivavoce.vocoders.bigvgan import importer as convert
from vivavoce.vocoders.bigvgan.config import BigvganConfig
from vivavoce.vocoders.bigvgan.model import Bigvgan

MANIFESTS = Path(__file__).parents[2] / "data" / "manifests"
OFFICIAL = json.loads((MANIFESTS / "bigvgan_v2_24khz_100band_256x.json").read_text())
SPELLINGS = {
    "old": ("weight_g", "weight_v"),
    "new": ("parametrizations.weight.original0", "parametrizations.weight.original1"),
}
FILTERS = ("upsample.filter", "downsample.lowpass.filter")


@pytest.mark.parametrize("spelling", ["old", "new", "folded"])
def test_the_official_checkpoint_fits(spelling: str) -> None:
    with torch.device("meta"):
        vocoder = Bigvgan.build(convert.tables(OFFICIAL["config"]))
        foreign = {key: torch.empty(shape) for key, shape in OFFICIAL["keys"].items()}
        if spelling == "folded":
            foreign = fold_weight_norm(foreign)
            assert len(foreign) == OFFICIAL["keys_after_remove_weight_norm"]
        elif spelling == "new":
            for old, new in zip(SPELLINGS["old"], SPELLINGS["new"], strict=True):
                foreign = {key.replace(old, new): value for key, value in foreign.items()}
    ours, dropped = convert.adapt(foreign)
    strict_load(vocoder, ours)
    assert dropped == [key for key in foreign if key.endswith(FILTERS)]
    assert len(dropped) == 2 * 109
    assert len(ours) + len(dropped) == OFFICIAL["keys_after_remove_weight_norm"]
    assert sum(p.numel() for p in vocoder.parameters()) == OFFICIAL["parameters"]


def test_the_official_configuration() -> None:
    with torch.device("meta"):
        vocoder = Bigvgan.build(convert.tables(OFFICIAL["config"]))
    assert vocoder.config == BigvganConfig()
    assert vocoder.accepts == BIGVGAN_24K


def test_absent_options_are_the_first_version_s() -> None:
    foreign = {k: v for k, v in OFFICIAL["config"].items() if not k.startswith("use_")}
    with torch.device("meta"):
        config = Bigvgan.build(convert.tables(foreign | {"fmax": 8000})).config
    assert (config.last, config.output_bias) == ("tanh", True)


def test_what_is_not_supported_is_refused() -> None:
    config = OFFICIAL["config"]
    with pytest.raises(BadCheckpoint, match="no 'activation'"):
        convert.tables({k: v for k, v in config.items() if k != "activation"})
    with pytest.raises(BadCheckpoint, match="'gelu'"):
        convert.tables(config | {"activation": "gelu"})
    with pytest.raises(BadCheckpoint, match="type '3'"):
        convert.tables(config | {"resblock": "3"})
    with pytest.raises(BadCheckpoint, match="statistics"):
        convert.tables(config, {}, ((0.0,), (1.0,)))
    with pytest.raises(ConfigError, match="even"):
        convert.tables(config | {"upsample_kernel_sizes": [8, 8, 4, 4, 4, 5]})


@pytest.mark.parity
@torch.no_grad()
def test_an_official_file_is_imported_and_decodes(load_parity, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path / "home"))
    recorded = load_parity("bigvgan_v2_tiny")
    file = tmp_path / "bigvgan_generator.pt"
    torch.save({"generator": recorded.weights}, file)
    (tmp_path / "config.json").write_text(json.dumps(recorded.meta["config"]))
    folder = library.import_checkpoint(file, "bigvgan", name="tiny")
    manifest, tensors = store.load(folder)
    vocoder = Bigvgan.build(manifest).eval()
    strict_load(vocoder, tensors)
    samples = decode_windowed(vocoder, recorded.inputs["mel"])
    assert_recorded(samples[:, None], recorded, "wave")
