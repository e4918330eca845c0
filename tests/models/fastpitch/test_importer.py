"""Published names are used to the last one, and odd configurations are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from vivavoce.checkpoints.remap import strict_load, without_numbers
from vivavoce.errors import BadCheckpoint
from vivavoce.models import MODELS
from vivavoce.models.fastpitch import importer
from vivavoce.models.fastpitch.model import FastPitch
from vivavoce.text import coqui

MANIFESTS = Path(__file__).parents[2] / "data" / "manifests"
NAMES = ("ljspeech", "vctk", "fastspeech2", "speedy_speech", "align_tts")


def official(name: str) -> tuple[dict, dict[str, torch.Tensor]]:
    found = json.loads((MANIFESTS / f"fastpitch_{name}.json").read_text())
    keys = found["keys"].items()
    return found["config"], {key: torch.empty(shape, device="meta") for key, shape in keys}


def toy() -> dict[str, torch.Tensor]:
    """Half of SpeedySpeech's smallest: enough to be recognised."""
    _, tensors = official("speedy_speech")
    return {key: torch.zeros(value.shape) for key, value in tensors.items()}


@pytest.mark.parametrize("name", NAMES)
def test_the_official_checkpoints_fit(name: str) -> None:
    foreign, tensors = official(name)
    assert MODELS.recognise(tensors) == "fastpitch"
    tables = importer.tables(foreign, tensors)
    with without_numbers():
        model = FastPitch.build(tables)
    assert (model.config.n_tokens, model.config.n_mels) == (132, 80)
    assert (model.pitch is None) == (name in ("speedy_speech", "align_tts"))
    assert (model.energy is not None) == (name == "fastspeech2")
    assert model.config.encoder.heads == (2 if name == "align_tts" else 1)
    assert len(model.config.decoder.dilations) == (17 if name == "speedy_speech" else 0)
    assert len(tables["speakers"]) == (109 if name == "vctk" else 0)
    assert tables["features"]["sample_rate"] == 22050
    ours, dropped = importer.adapt(tensors)
    strict_load(model, ours)
    unheard = ("aligner.", "mdn_block.", "mod_layer.")
    assert all(key.startswith(unheard) or key.endswith("batches_tracked") for key in dropped)


def test_a_voice_trained_on_gruut_reads_phonemes_without_stress() -> None:
    foreign, tensors = official("ljspeech")
    assert foreign["phonemizer"] == "gruut"
    rules = importer.tables(foreign, tensors)["text"]["coqui"]
    said = coqui.from_config(rules).encode("hello", phonemise=lambda *_: "həlˈoʊˌ")
    assert said.words == ("həloʊ",)
    other = {**rules, "phonemizer": "espeak"}
    found = coqui.from_config(other).encode("hello", phonemise=lambda *_: "həlˈoʊ")
    assert len(found) == len(said) + 1


def test_settings_may_lie_at_the_top_of_an_older_file() -> None:
    foreign, tensors = official("ljspeech")
    flat = {**foreign, **foreign["model_args"], "length_scale": 1.25}
    del flat["model_args"]
    tables = importer.tables(flat, tensors)
    assert tables["config"] == importer.tables(foreign, tensors)["config"]
    assert tables["options"]["speed"] == 0.8


def test_without_settings_the_heads_are_those_of_the_class() -> None:
    for name, heads in (("ljspeech", 1), ("align_tts", 2)):
        config = importer.tables({}, official(name)[1])["config"]
        assert config["encoder"]["heads"] == config["decoder"]["heads"] == heads


def test_another_number_of_layers_is_refused() -> None:
    foreign, tensors = official("ljspeech")
    foreign["model_args"]["encoder_params"]["num_layers"] = 4
    with pytest.raises(BadCheckpoint, match="num_layers"):
        importer.tables(foreign, tensors)
    foreign, tensors = official("speedy_speech")
    foreign["model_args"]["decoder_params"]["dilations"] = [1, 2]
    with pytest.raises(BadCheckpoint, match="dilations"):
        importer.tables(foreign, tensors)


def test_what_is_not_implemented_is_refused() -> None:
    foreign, tensors = official("ljspeech")
    with pytest.raises(BadCheckpoint, match="vectors from a speaker encoder"):
        importer.tables({**foreign, "model_args": {"use_d_vector_file": True}}, tensors)
    kept = {k: v for k, v in tensors.items() if not k.startswith("encoder.")}
    with pytest.raises(BadCheckpoint, match="encoder is of an unsupported kind"):
        importer.tables(foreign, kept)
    kept = {k: v for k, v in tensors.items() if "decoder.postnet" not in k}
    with pytest.raises(BadCheckpoint, match="decoder's last layer is missing"):
        importer.tables(foreign, kept)


@pytest.mark.parametrize("part", ["encoder.postnet.2", "decoder.res_conv_block.res_blocks.0"])
def test_half_a_batch_norm_is_refused(part: str) -> None:
    tensors = {k: v for k, v in toy().items() if not (part in k and k.endswith("running_var"))}
    with pytest.raises(BadCheckpoint, match="is incomplete"):
        importer.adapt(tensors)


def test_settings_of_a_wrong_size_are_refused() -> None:
    foreign, tensors = official("ljspeech")
    foreign["model_args"]["encoder_params"]["num_heads"] = 7
    with pytest.raises(ValueError, match=r"multiple of encoder\.heads"):
        importer.tables(foreign, tensors)
