"""Official names are used to the last one, both weight-norm spellings and both configs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from vivavoce.checkpoints.remap import strict_load
from vivavoce.errors import BadCheckpoint
from vivavoce.vocoders.hifigan import importer as convert
from vivavoce.vocoders.hifigan.model import Hifigan

MANIFESTS = Path(__file__).parents[2] / "data" / "manifests"
PUBLISHED = {
    "resblock": "1",
    "upsample_rates": [8, 8, 2, 2],
    "upsample_kernel_sizes": [16, 16, 4, 4],
    "upsample_initial_channel": 128,
    "resblock_kernel_sizes": [3, 7, 11],
    "resblock_dilation_sizes": [[1, 3, 5], [1, 3, 5], [1, 3, 5]],
    "num_mels": 80,
    "n_fft": 1024,
    "hop_size": 256,
    "win_size": 1024,
    "sampling_rate": 22050,
    "fmin": 0,
    "fmax": 8000,
}


@pytest.mark.parametrize("name", ["hifigan_v1", "hifigan_v2"])
@pytest.mark.parametrize("old_spelling", [False, True])
def test_the_official_checkpoints_fit(name: str, old_spelling: bool) -> None:
    manifest = json.loads((MANIFESTS / f"{name}.json").read_text())
    tables = convert.tables({"generator_model_params": manifest["config"], "audio": {}})
    with torch.device("meta"):
        vocoder = Hifigan.build(tables)
        foreign = {key: torch.empty(shape) for key, shape in manifest["keys"].items()}
    if old_spelling:
        new = ("parametrizations.weight.original0", "parametrizations.weight.original1")
        foreign = {
            k.replace(new[0], "weight_g").replace(new[1], "weight_v"): v for k, v in foreign.items()
        }
    ours, dropped = convert.adapt(foreign)
    strict_load(vocoder, ours)
    assert all(key.startswith("model_d.") for key in dropped)
    generator = [k for k in manifest["keys"] if k.startswith("model_g.")]
    assert len(dropped) + len(generator) == len(foreign)
    normed = [k for k in generator if k.endswith("original0")]
    assert len(ours) == len(generator) - len(normed)
    sizes = sum(torch.Size(manifest["keys"][k]).numel() for k in normed)
    assert sum(p.numel() for p in vocoder.parameters()) == manifest["parameters"] - sizes


def test_the_published_configuration() -> None:
    tables = convert.tables(PUBLISHED)
    vocoder = Hifigan.build(tables)
    assert vocoder.config.width == 128
    assert vocoder.edge_frames == 0
    assert (vocoder.accepts.f_max, vocoder.accepts.framing) == (8000.0, "same")


def test_coquis_configuration() -> None:
    sizes = {k: v for k, v in PUBLISHED.items() if k.startswith(("upsample", "resblock_"))}
    sizes["upsample_factors"] = sizes.pop("upsample_rates")
    audio = {"mel_fmax": 8000, "log_func": "np.log", "spec_gain": 1, "signal_norm": False}
    tables = convert.tables({"generator_model_params": sizes, "audio": audio})
    vocoder = Hifigan.build(tables)
    assert vocoder.edge_frames == 5
    assert (vocoder.accepts.log, vocoder.accepts.f_max) == ("ln", 8000.0)
    assert vocoder.accepts.normalisation is not None
    assert not vocoder.accepts.normalisation.signal_norm


def test_statistics_come_from_their_file_or_not_at_all() -> None:
    foreign = {"generator_model_params": {}, "audio": {"stats_path": "scale_stats.npy"}}
    with pytest.raises(BadCheckpoint, match="scale_stats"):
        convert.tables(foreign)
    stats = ((0.5,) * 80, (2.0,) * 80)
    found = Hifigan.build(convert.tables(foreign, {}, stats)).accepts.normalisation
    assert found is not None
    assert found.stats == stats


def test_other_vocoders_of_coqui_are_refused() -> None:
    foreign = {"generator_model": "multiband_melgan_generator", "generator_model_params": {}}
    with pytest.raises(BadCheckpoint, match="multiband_melgan"):
        convert.tables({**foreign, "audio": {}})


def test_a_decoder_taken_out_of_a_model():
    """Sizes come from its tensors: see `test_model` for XTTS'. Without a part of it they cannot."""
    whole = {"conv_pre.bias": torch.ones(8), "ups.0.bias": torch.ones(4)}
    whole |= {"ups.0.weight_g": torch.ones(8, 1, 1), "ups.0.weight_v": torch.ones(8, 4, 4)}
    whole |= {f"resblocks.0.convs1.{n}.weight": torch.ones(4, 4, 3) for n in range(2)}
    whole |= {"conv_post.weight": torch.ones(1, 4, 7)}
    assert convert.recognises(whole)
    config = convert.config_from_tensors(whole)
    assert (config.width, config.rates, config.kernels) == (8, (2,), (4,))
    assert (config.block_kernels, config.block_dilations) == ((3,), ((1, 3),))
    assert (config.condition_dim, config.condition_stages, config.output_bias) == (0, False, False)
    for part in ("conv_pre", "ups.0", "resblocks", "conv_post"):
        rest = {k: v for k, v in whole.items() if not k.startswith(part)}
        if part == "conv_post":
            assert not convert.recognises(rest)
            continue
        with pytest.raises(BadCheckpoint, match="Half of the checkpoint's HiFi-GAN"):
            convert.config_from_tensors(rest)
