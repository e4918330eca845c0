"""Every kind of Tacotron against recorded outputs of the reference."""

from __future__ import annotations

import pytest
import torch

from tests.recorded import RecordedNoise
from tests.tolerance import assert_within
from vivavoce.checkpoints.remap import strict_load
from vivavoce.models.base import Sentence
from vivavoce.models.tacotron2 import importer
from vivavoce.models.tacotron2.config import TacotronOptions
from vivavoce.models.tacotron2.model import Tacotron
from vivavoce.nn.noise import Noise
from vivavoce.runtime.arithmetic import Arithmetic
from vivavoce.runtime.int8 import available
from vivavoce.types import Tokens, Voice

pytestmark = pytest.mark.parity
FEATURES = 2e-5
KINDS = ["ddc", "dca", "dropout", "forward", "forward_location", "graves", "gst", "capacitron"]
NAMES = [*(f"tacotron2_{kind}_tiny" for kind in (*KINDS, "speakers"))]
NAMES += ["tacotron_tiny", "tacotron_memory_tiny"]
LOWER = [
    pytest.param(Arithmetic(torch.bfloat16, packed=True), id="bfloat16"),
    pytest.param(
        Arithmetic(int8=True),
        id="int8",
        marks=pytest.mark.skipif(not available(), reason="this torch has no such product"),
    ),
]


def loaded(recording, **changes):
    foreign = recording.meta["config"] | changes
    tables = importer.tables(foreign, recording.weights)
    ours, dropped = importer.adapt(recording.weights)
    training = ("coarse_decoder.", "decoder_backward.", "capacitron_vae_layer.beta")
    assert all(name.startswith(training) for name in dropped)
    model = Tacotron.build(tables)
    strict_load(model, ours)
    return model.freeze()


def tolerance(recording, output):
    return max(FEATURES, 20 * (recording.meta["outputs"][output].get("fp64_err") or 0))


def voice_of(recording):
    tensors = {}
    if "speaker_ids" in recording.inputs:
        tensors["speaker"] = recording.inputs["speaker_ids"]
    if "capacitron" in recording.name:
        tensors["style"] = recording.inputs["noise0"]
    return Voice("recorded", "tacotron2", tensors)


def sentence_of(recording, voice=None):
    ids = tuple(recording.inputs["ids"][0].tolist())
    return Sentence(Tokens(ids), voice or voice_of(recording), TacotronOptions())


def noise_of(recording):
    return RecordedNoise(recording, first=1 if "capacitron" in recording.name else 0)


@pytest.mark.parametrize("name", NAMES)
def test_features_are_the_reference_s(load_parity, name):
    recording = load_parity(f"zoo/{name}")
    model = loaded(recording)
    (features,) = model.generate([sentence_of(recording)], noise_of(recording))
    output = "linear" if model.config.generation == 1 else "mel"
    expected = recording.outputs[output].transpose(1, 2)
    assert_within(features.values, expected, tolerance(recording, output), output)


@pytest.mark.parametrize("name", NAMES[:-2])
@pytest.mark.parametrize("arithmetic", LOWER)
@torch.inference_mode()
def test_in_a_lower_precision_the_same_tokens_are_attended_to(load_parity, name, arithmetic):
    """Not as many digits: with eight bits the frames are 0.3 to 4 % of their deviation away."""
    recording = load_parity(f"zoo/{name}")
    peaks, found = [], []
    for model in (loaded(recording), loaded(recording).freeze(arithmetic)):
        row = model.begin(sentence_of(recording), noise_of(recording))
        state = row.start
        for _ in range(recording.meta["steps"]):
            made, _, state = model.decoder(state, model._masks([row]))
            peaks.append(state["weights"].argmax(1))
            found.append(made)
    half = len(found) // 2
    assert peaks[:half] == peaks[half:]
    exact, lower = torch.cat(found[:half]), torch.cat(found[half:])
    assert 1e-5 < (lower - exact).std() / exact.std() < 0.1


@pytest.mark.parametrize("name", NAMES)
@torch.inference_mode()
def test_every_step_is_the_reference_s(load_parity, name):
    recording = load_parity(f"zoo/{name}")
    model, noise = loaded(recording), noise_of(recording)
    row = model.begin(sentence_of(recording), noise)
    state, frames = row.start, []
    if "stage.encoder" in recording.outputs:
        width = recording.outputs["stage.encoder"].shape[-1]
        found = state["memory"][..., :width]
        limit = tolerance(recording, "stage.encoder")
        assert_within(found, recording.outputs["stage.encoder"], limit, "encoder")
    weights, stops = [], []
    for _ in range(recording.meta["steps"]):
        made, stop, state = model.decoder(state, model._masks([row]))
        c = model.config
        frames.append(made[:, : c.r * c.n_mels].view(1, c.r, c.n_mels))
        weights.append(state["weights"])
        stops.append(stop.sigmoid())
    for output, found in (
        ("decoder_outputs", torch.cat(frames, 1)),
        ("alignments", torch.stack(weights, 1)),
        ("stop_tokens", torch.stack(stops, 1)),
    ):
        assert_within(found, recording.outputs[output], tolerance(recording, output), output)


@torch.inference_mode()
def test_a_style_recording_is_read_as_in_training(load_parity):
    recording = load_parity("zoo/tacotron2_gst_tiny")
    model = loaded(recording)
    style = model.style.of_mel(recording.inputs["style.style_mel"], None)
    voice = Voice("style", "tacotron2", {"style": style[0]})
    (features,) = model.generate([sentence_of(recording, voice)], Noise(0))
    expected = recording.outputs["style.mel"].transpose(1, 2)
    assert_within(features.values, expected, FEATURES)


@torch.inference_mode()
def test_capacitron_reads_a_recording_and_its_words(load_parity):
    recording = load_parity("zoo/tacotron2_capacitron_tiny")
    model = loaded(recording)
    text = model.encoder.embedding(recording.inputs["style.style_text"])
    mel, draw = recording.inputs["style.style_mel"], recording.inputs["style.noise0"]
    voice = Voice("style", "tacotron2", {"style": model.style.of_mel(mel, text, draw)[0]})
    (features,) = model.generate([sentence_of(recording, voice)], Noise(0))
    expected = recording.outputs["style.mel"].transpose(1, 2)
    assert_within(features.values, expected, FEATURES)
