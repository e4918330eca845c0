"""`vivavoce convert`: from files and a stored model to a file or a pipe."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
import soundfile

from tests.converters.toy import toy
from tests.speechlike import speechlike
from tests.tiny import tiny_folders


@pytest.fixture(autouse=True)
def recordings(here):
    for name, seconds in (("in.wav", 2.5), ("other.wav", 6.0)):
        samples = speechlike(seconds, level=0.1, seed=len(name)).samples
        soundfile.write(name, samples, 24_000, subtype="FLOAT")


@pytest.fixture
def stored(here):
    from vivavoce.checkpoints import store
    from vivavoce.config import to_dict

    converter = toy("openvoice")
    features = to_dict(converter.model.spec)
    vocoder = {"family": "hifigan", "config": to_dict(converter.vocoder.config)}
    tensors = converter.model.state_dict()
    tensors |= {f"vocoder.{k}": v for k, v in converter.vocoder.state_dict().items()}
    manifest = {"kind": "converter", "family": "openvoice", "name": "toy", "features": features}
    manifest |= {"config": to_dict(converter.model.config)}
    store.save(here / "toy", manifest | {"vocoder": vocoder | {"features": features}}, tensors)
    return str(here / "toy")


@pytest.fixture
def convert(cli, stored):
    def run(*argv, model=stored, output="out.wav"):
        return cli("convert", "in.wav", "-m", model, "--device", "cpu", "-o", output, *argv)

    return run


def test_it_is_what_the_engine_makes(convert):
    result = convert("--to", "other.wav", "--seed", "3", "--json")
    assert result.code == 0, result.err
    summary = json.loads(result.out)
    samples, rate = soundfile.read("out.wav", dtype="float32")
    expected = toy("openvoice").convert("in.wav", "other.wav", seed=3)
    assert np.abs(samples - expected.samples).max() <= 1 / 32767
    assert (summary["file"], summary["seed"], rate) == ("out.wav", 3, 22_050)
    assert summary["seconds"] == 2.5


def test_to_a_saved_voice_and_a_pipe(convert):
    import vivavoce

    voice = toy("openvoice").voice("other.wav", name="other")
    vivavoce.save_voice("other.safetensors", voice)
    result = convert("--to", "other.safetensors", "--stream", output="-")
    assert result.code == 0, result.err
    assert soundfile.read(io.BytesIO(result.stdout))[1] == 22_050


@pytest.mark.parametrize("to", ["nobody", "missing.wav"])
def test_a_target_that_is_not_there_leaves_no_file(convert, here, to):
    result = convert("--to", to)
    assert result.code != 0
    assert to in result.err
    assert not (here / "out.wav").exists()


def test_without_a_target_it_is_asked_wrongly(convert):
    result = convert()
    assert result.code == 2
    assert "--to" in result.err


def test_a_model_that_speaks_converts_nothing_and_the_other_way_round(cli, convert, here, stored):
    _, model = tiny_folders(here), str(here / "tiny")
    result = convert("--to", "other.wav", model=model)
    assert result.code != 0
    assert "'acoustic', not 'converter'" in result.err
    result = cli("speak", "Hello.", "-m", stored, "-o", "x.wav")
    assert result.code != 0
    assert "'converter', not 'acoustic'" in result.err
