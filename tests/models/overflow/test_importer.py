"""Official names and sizes are consumed to the last tensor."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from vivavoce.checkpoints.remap import strict_load, without_numbers
from vivavoce.errors import BadCheckpoint, ConfigError
from vivavoce.models import MODELS
from vivavoce.models.overflow import importer
from vivavoce.models.overflow.model import NeuralHmm

MANIFESTS = Path(__file__).parents[2] / "data" / "manifests" / "zoo"


def official(name):
    manifest = json.loads((MANIFESTS / f"{name}.json").read_text())
    empty = {k: torch.empty(row["shape"], device="meta") for k, row in manifest["keys"].items()}
    return manifest["config"], empty


@pytest.mark.parametrize(
    ("name", "temperature", "threshold"),
    [("overflow_ljspeech", 0.334, 0.55), ("neural_hmm_ljspeech", 0, 0.43)],
)
def test_official_manifest_is_consumed(name, temperature, threshold):
    foreign, tensors = official(name)
    assert MODELS.recognise(tensors) == "overflow"
    tables = importer.tables(foreign, tensors)
    ours, dropped = importer.adapt(tensors)
    assert not dropped
    with without_numbers(len(ours)):
        model = NeuralHmm.build(tables)
    strict_load(model, ours)
    assert (model.flow is not None) == (name == "overflow_ljspeech")
    options = tables["options"]
    assert (options["temperature"], options["duration_threshold"]) == (temperature, threshold)


def test_a_flow_of_another_length_is_refused():
    foreign, tensors = official("overflow_ljspeech")
    with pytest.raises(BadCheckpoint, match=r"num_flow_blocks_dec is 33.*have 36"):
        importer.config_from_coqui(foreign | {"num_flow_blocks_dec": 11}, tensors)


def test_a_threshold_that_no_state_can_pass_is_refused():
    foreign, tensors = official("neural_hmm_ljspeech")
    with pytest.raises(ConfigError, match=r"duration_threshold is 1\.5; it must be from 0\.01"):
        importer.tables(foreign | {"duration_threshold": 1.5}, tensors)
