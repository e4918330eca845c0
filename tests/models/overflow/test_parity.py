"""Neural HMM and OverFlow against recorded outputs of the reference, with its own draws."""

from __future__ import annotations

import pytest
import torch

from tests.recorded import RecordedNoise
from tests.tolerance import assert_within
from vivavoce.checkpoints.remap import strict_load
from vivavoce.config import from_dict
from vivavoce.models.base import Sentence
from vivavoce.models.overflow import importer
from vivavoce.models.overflow.config import HmmOptions
from vivavoce.models.overflow.model import NeuralHmm
from vivavoce.types import Tokens, Voice

pytestmark = pytest.mark.parity
NAMES = ["neural_hmm_tiny", "neural_hmm_sampled_tiny", "overflow_tiny", "overflow_options_tiny"]


def loaded(recording):
    tables = importer.tables(recording.meta["config"], recording.weights)
    ours, dropped = importer.adapt(recording.weights)
    assert not dropped
    model = NeuralHmm.build(tables)
    strict_load(model, ours)
    return model.freeze(), from_dict(HmmOptions, tables["options"])


def sentence_of(recording, options):
    ids = tuple(recording.inputs["ids"][0].tolist())
    return Sentence(Tokens(ids), Voice("default", "overflow"), options)


def tolerance(recording, output):
    return max(2e-5, 20 * recording.meta["outputs"][output]["fp64_err"])


@pytest.mark.parametrize("name", NAMES)
def test_features_are_the_reference_s(load_parity, name):
    recording = load_parity(f"zoo/{name}")
    model, options = loaded(recording)
    parts = list(model.generate([sentence_of(recording, options)], RecordedNoise(recording)))
    expected = recording.outputs["mel"].transpose(1, 2)
    found = torch.cat([part.values for part in parts], -1)
    assert_within(found, expected, tolerance(recording, "mel"))
    assert parts[-1].problems == ("",)


@pytest.mark.parametrize("name", NAMES)
@torch.inference_mode()
def test_states_and_frames_are_the_reference_s(load_parity, name):
    recording = load_parity(f"zoo/{name}")
    model, options = loaded(recording)
    row = model.begin(sentence_of(recording, options), RecordedNoise(recording))
    state, frames, places = row.start, [], [0]
    limit = tolerance(recording, "stage.encoder")
    assert_within(state["states"], recording.outputs["stage.encoder"], limit)
    for _ in range(recording.meta["frames"]):
        frame, state = model.step(state, [row])
        frames.append(frame)
        places.append(int(state["place"]))
    assert places == recording.outputs["states"][0].argmax(-1).tolist()
    found, limit = torch.stack(frames, 1), tolerance(recording, "hmm_outputs")
    assert_within(found, recording.outputs["hmm_outputs"], limit)
