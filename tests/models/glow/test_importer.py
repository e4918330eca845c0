"""Official names and sizes are consumed to the last tensor; a whole checkpoint comes in."""

import json
from pathlib import Path

import pytest
import torch

from tests.tiny import tiny_model
from vivavoce.checkpoints.remap import strict_load
from vivavoce.errors import BadCheckpoint
from vivavoce.models.glow import importer as convert
from vivavoce.models.glow.model import GlowTTS

MANIFESTS = Path(__file__).parents[2] / "data" / "manifests"


@pytest.mark.parametrize("name", ["glow_tts_default", "glow_tts_ljspeech_phonemes"])
def test_official_manifest_is_consumed(name):
    manifest = json.loads((MANIFESTS / f"{name}.json").read_text())
    foreign = {
        key: torch.empty(row["shape"], device="meta") for key, row in manifest["keys"].items()
    }
    tables = convert.tables(manifest["config"], foreign)
    ours, dropped = convert.adapt(foreign)
    assert not dropped
    with torch.device("meta"):
        model = GlowTTS.build(tables)
    strict_load(model, ours)


def test_options_and_features_come_from_the_config():
    weights = {"encoder.emb.weight": torch.zeros(70, 192)}
    foreign = {
        "length_scale": 2.0,
        "inference_noise_scale": 0.33,
        "audio": {"sample_rate": 16000, "mel_fmax": 7600, "spec_gain": 1, "log_func": "np.log"},
        "characters": {"pad": "_", "eos": None, "characters": "abc", "punctuations": "."},
    }
    tables = convert.tables(foreign, weights)
    assert tables["options"] == {"speed": 0.5, "noise_scale": 0.33}
    assert (tables["features"]["sample_rate"], tables["features"]["log"]) == (16000, "ln")
    assert tables["text"]["coqui"]["characters"] == {
        "pad": "_",
        "characters": "abc",
        "punctuations": ".",
    }


def test_other_encoders_are_refused_by_name():
    with pytest.raises(BadCheckpoint, match="residual_conv_bn"):
        convert.tables({"encoder_type": "residual_conv_bn"}, {})


def test_speakers_are_counted_from_the_table():
    weights = {"encoder.emb.weight": torch.zeros(5, 192), "emb_g.weight": torch.zeros(7, 192)}
    config = convert.config_from_coqui({}, weights)
    assert (config.n_speakers, config.speaker_width) == (7, 192)


def test_our_own_names_are_unique():
    names = tiny_model(2).state_dict().keys()
    assert len(names) == len(set(names))
