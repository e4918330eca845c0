"""Official names and sizes are consumed to the last tensor; files that lack a part are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from vivavoce.checkpoints.remap import strict_load, under, without_numbers
from vivavoce.converters.freevc import importer as freevc
from vivavoce.converters.freevc.model import FreeVC
from vivavoce.converters.knnvc import importer as knnvc
from vivavoce.converters.knnvc.model import KnnVC
from vivavoce.converters.openvoice import importer as openvoice
from vivavoce.converters.openvoice.model import OpenVoice
from vivavoce.errors import BadCheckpoint
from vivavoce.hub import families
from vivavoce.vocoders import VOCODERS

MANIFESTS = Path(__file__).parents[1] / "data" / "manifests" / "zoo"


def official(name):
    manifest = json.loads((MANIFESTS / f"{name}.json").read_text())
    empty = {k: torch.empty(row["shape"], device="meta") for k, row in manifest["keys"].items()}
    return manifest["config"], empty


def consumed(kind, importer, foreign, tensors):
    tables = importer.tables(foreign, tensors)
    ours, dropped = importer.adapt(tensors)
    own = {k: v for k, v in ours.items() if not k.startswith("vocoder.")}
    with without_numbers(len(ours)):
        model = kind.build(tables)
        vocoder = None
        if "vocoder" in tables:
            vocoder = VOCODERS.family(tables["vocoder"]["family"]).model.build(tables["vocoder"])
    strict_load(model, own)
    if vocoder is not None:
        strict_load(vocoder, under(ours, "vocoder."))
        model.spec.require(vocoder.accepts)
    return model, dropped


def test_openvoice_is_consumed():
    foreign, tensors = official("openvoice")
    assert families.recognise(tensors) == "openvoice"
    model, dropped = consumed(OpenVoice, openvoice, foreign, tensors)
    assert not dropped
    assert (model.config.zero_speaker, model.spec.sample_rate) == (True, 22_050)


def test_openvoice_v1_tells_everybody_who_speaks_and_leaves_its_speech_model_out():
    _, tensors = official("openvoice")
    own = {"model": {"upsample_rates": [8, 8, 2, 2]}, "data": {"sampling_rate": 22_050}}
    tensors["enc_p.emb.weight"] = torch.empty(10, 192, device="meta")
    assert families.recognise(tensors) == "openvoice"
    model, dropped = consumed(OpenVoice, openvoice, own, tensors)
    assert dropped == ["enc_p.emb.weight"]
    assert not model.config.zero_speaker
    own["model"]["zero_g"] = True
    assert openvoice.tables(own, tensors)["config"]["zero_speaker"]


def test_freevc_is_consumed_with_the_wavlm_beside_it():
    foreign, tensors = official("freevc24")
    assert families.recognise(tensors) == "freevc"
    with pytest.raises(BadCheckpoint, match=r"WavLM, which computes .* is missing"):
        freevc.tables(foreign, tensors)
    _, wavlm = official("wavlm_large")
    tensors |= {f"wavlm/model/{key}": tensor for key, tensor in wavlm.items()}
    tensors["wavlm/cfg/conv_layers"] = torch.zeros(3)
    model, dropped = consumed(FreeVC, freevc, foreign, tensors)
    assert all(key.startswith("enc_q.") or key == "mask_emb" for key in dropped)
    assert (model.spec.sample_rate, model.spec.hop_length) == (16_000, 320)
    faster = foreign | {"model_args": foreign["model_args"] | {"upsample_rates": [10, 6, 4, 2]}}
    features = freevc.tables(faster, tensors)["features"]
    assert (features["sample_rate"], features["hop_length"]) == (24_000, 480)


def test_knnvc_is_a_wavlm_and_its_vocoder_reads_it():
    _, tensors = official("wavlm_large")
    assert families.recognise(tensors) == "knnvc"
    model, dropped = consumed(KnnVC, knnvc, {}, tensors)
    assert len(model.wavlm.layers) == 6
    assert "encoder.layers.6.fc1.weight" in dropped
    assert "encoder.layers.5.fc1.weight" not in dropped
    sizes, weights = official("hifigan_wavlm_prematched")
    importer = VOCODERS.family("hifigan").importer
    foreign = {"generator_model_params": sizes, "audio": {}}
    with without_numbers(len(weights)):
        vocoder = VOCODERS.family("hifigan").model.build(importer.tables(foreign, weights))
    strict_load(vocoder, importer.adapt(weights)[0])
    model.spec.require(vocoder.accepts)


def test_another_sample_rate_is_refused():
    foreign, tensors = official("openvoice")
    audio = foreign["audio"] | {"output_sample_rate": 16_000}
    with pytest.raises(BadCheckpoint, match="16000 Hz; only 22050 Hz"):
        openvoice.tables(foreign | {"audio": audio}, tensors)


@pytest.mark.parametrize(
    ("missing", "message"),
    [("dec.", "decoder of the checkpoint"), ("flow.", "posterior or the flow")],
)
def test_half_a_checkpoint_is_refused(missing, message):
    foreign, tensors = official("openvoice")
    rest = {key: tensor for key, tensor in tensors.items() if not key.startswith(missing)}
    with pytest.raises(BadCheckpoint, match=message):
        openvoice.tables(foreign, rest)
