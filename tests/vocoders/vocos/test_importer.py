"""The official checkpoint's names are used to the last one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from vivavoce.checkpoints.remap import strict_load
from vivavoce.errors import BadCheckpoint
from vivavoce.vocoders.vocos import importer as convert
from vivavoce.vocoders.vocos.model import Vocos

MANIFESTS = Path(__file__).parents[2] / "data" / "manifests"


def test_the_official_checkpoint_fits() -> None:
    manifest = json.loads((MANIFESTS / "vocos_mel_24khz.json").read_text())
    with torch.device("meta"):
        vocoder = Vocos.build(convert.tables(manifest["config"]))
        foreign = {key: torch.empty(shape) for key, shape in manifest["keys"].items()}
    ours, dropped = convert.adapt(foreign)
    strict_load(vocoder, ours)
    assert len(ours) + len(dropped) == len(foreign) == 83
    assert sorted(dropped) == [
        "feature_extractor.mel_spec.mel_scale.fb",
        "feature_extractor.mel_spec.spectrogram.window",
        "head.istft.window",
    ]
    assert sum(p.numel() for p in vocoder.parameters()) == manifest["parameters"]


def test_the_yaml_with_class_paths_is_understood() -> None:
    part = {
        "feature_extractor": {
            "sample_rate": 24000,
            "n_fft": 1024,
            "hop_length": 256,
            "n_mels": 100,
        },
        "backbone": {"input_channels": 100, "dim": 8, "intermediate_dim": 9, "num_layers": 2},
        "head": {"dim": 8, "n_fft": 512, "hop_length": 128, "padding": "center"},
    }
    wrapped = {name: {"class_path": "x.Y", "init_args": table} for name, table in part.items()}
    tables = convert.tables(wrapped)
    assert tables == convert.tables(part)
    assert tables["config"] == {"dim": 8, "hidden_dim": 9, "n_layers": 2}
    assert tables["features"]["framing"] == "center"


def test_other_configurations_are_refused() -> None:
    with pytest.raises(BadCheckpoint, match="no 'feature_extractor'"):
        convert.tables({})
    encodec = {"feature_extractor": {"bandwidths": [1.5]}, "backbone": {}, "head": {}}
    with pytest.raises(BadCheckpoint, match="EnCodec"):
        convert.tables(encodec)
