"""WavLM against recorded outputs of the reference, at its end and behind two layers."""

from __future__ import annotations

import pytest
import torch

from tests.tolerance import assert_within
from vivavoce.checkpoints.remap import strict_load
from vivavoce.checkpoints.wavlm_names import adapt_wavlm, wavlm_sizes
from vivavoce.config import from_dict
from vivavoce.nn.wavlm import WavLM
from vivavoce.nn.wavlm_config import WavLmConfig

pytestmark = pytest.mark.parity


def loaded(recording, layers=None):
    sizes = wavlm_sizes(recording.weights, recording.meta["config"]["max_distance"], layers)
    model = WavLM(from_dict(WavLmConfig, sizes))
    strict_load(model, adapt_wavlm(recording.weights, layers)[0])
    return model.eval().requires_grad_(False)


def tolerance(recording, output):
    return max(2e-5, 20 * recording.meta["outputs"][output]["fp64_err"])


@pytest.mark.parametrize(("layers", "output"), [(None, "last"), (2, "layer2")])
@torch.inference_mode()
def test_features_are_the_reference_s(load_parity, layers, output):
    recording = load_parity("zoo/wavlm_tiny")
    model, samples = loaded(recording, layers), recording.inputs["wave16k"]
    limit = tolerance(recording, "conv")
    assert_within(model.features(samples), recording.outputs["conv"], limit)
    assert_within(model(samples), recording.outputs[output], tolerance(recording, output))
