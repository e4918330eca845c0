"""Official names and sizes are consumed to the last tensor; the checkpoint says how r is used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from vivavoce.checkpoints.remap import strict_load, without_numbers
from vivavoce.errors import BadCheckpoint, ConfigError
from vivavoce.models import MODELS
from vivavoce.models.tacotron2 import importer
from vivavoce.models.tacotron2.model import Tacotron

MANIFESTS = Path(__file__).parents[2] / "data" / "manifests" / "zoo"
NAMES = {
    "tacotron2_ddc_ljspeech": ("location", 2, 6),
    "tacotron2_dca_ljspeech": ("dynamic", 2, 7),
    "tacotron2_ddc_gst_baker": ("location", 2, 6),
    "tacotron2_capacitron_t2_c50": ("dynamic", 2, 2),
    "tacotron2_capacitron_t2_c150": ("dynamic", 2, 2),
    "tacotron_ddc_vctk": ("location", 2, 6),
}


def official(name):
    manifest = json.loads((MANIFESTS / f"{name}.json").read_text())
    empty = {k: torch.empty(row["shape"], device="meta") for k, row in manifest["keys"].items()}
    return manifest["config"], empty


@pytest.mark.parametrize("name", NAMES)
def test_official_manifest_is_consumed(name):
    kind, r, r_init = NAMES[name]
    foreign, tensors = official(name)
    assert MODELS.recognise(tensors) == "tacotron2"
    foreign |= {"found": {"checkpoint": {"r": r}}}
    tables = importer.tables(foreign, tensors)
    ours, dropped = importer.adapt(tensors)
    training = ("coarse_decoder.", "capacitron_vae_layer.beta")
    assert all(key.startswith(training) for key in dropped)
    with without_numbers(len(ours)):
        model = Tacotron.build(tables)
    strict_load(model, ours)
    config = model.config
    assert (config.attention.kind, config.r, config.r_init) == (kind, r, r_init)


def test_r_is_the_checkpoint_s_then_that_of_its_configuration_then_the_file_s():
    foreign, tensors = official("tacotron2_ddc_ljspeech")
    for saved, expected in (({"r": 1, "config": {"r": 2}}, 1), ({"config": {"r": 2}}, 2), ({}, 6)):
        found = foreign | {"r": 6, "found": {"checkpoint": saved}}
        assert importer.config_from_coqui(found, tensors).r == expected


@pytest.mark.parametrize("r", [0, 7, -1])
def test_an_r_for_which_there_is_no_room_is_refused(r):
    foreign, tensors = official("tacotron2_ddc_ljspeech")
    with pytest.raises(ConfigError, match="r must be from 1 to r_init, which is 6"):
        importer.config_from_coqui(foreign | {"found": {"checkpoint": {"r": r}}}, tensors)


def test_half_a_batch_norm_is_refused():
    _, tensors = official("tacotron2_dca_ljspeech")
    del tensors["encoder.convolutions.0.batch_normalization.bias"]
    with pytest.raises(BadCheckpoint, match="is incomplete"):
        importer.adapt(tensors)


def test_an_unknown_norm_of_the_attention_is_refused():
    foreign, tensors = official("tacotron2_ddc_ljspeech")
    with pytest.raises(ConfigError, match=r"norm.*'hardmax'.*softmax"):
        importer.config_from_coqui(foreign | {"attention_norm": "hardmax"}, tensors)
