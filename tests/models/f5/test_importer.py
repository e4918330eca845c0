"""Official and community checkpoints: every name consumed, every setting decided and explained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.models.f5 import official
from tests.models.f5.official import VOCABULARY, dit, saved, unett
from vivavoce.audio.specs import BIGVGAN_24K, VOCOS_24K
from vivavoce.checkpoints.remap import strict_load, without_numbers
from vivavoce.config import to_dict
from vivavoce.errors import BadCheckpoint
from vivavoce.models import MODELS
from vivavoce.models.f5 import importer as convert

MANIFESTS = Path(__file__).parents[2] / "data" / "manifests"
OFFICIAL = ["F5TTS_v1_Base", "F5TTS_v1_Small", "F5TTS_Base", "F5TTS_Small"]
OFFICIAL += ["E2TTS_Base", "E2TTS_Small"]


def build(tensors, foreign=None, **found):
    """The module that the tables describe, with the tensors in it, and the tables."""
    found = {"vocabulary": VOCABULARY} | found
    tables = convert.tables((foreign or {}) | {"found": found}, tensors)
    ours, dropped = convert.adapt(tensors)
    with without_numbers():
        module = MODELS.family("f5").model.build(tables)
    strict_load(module, ours)
    return module, tables, dropped


@pytest.mark.parametrize("name", OFFICIAL)
def test_every_tensor_of_the_official_models_has_its_place(name):
    manifest = json.loads((MANIFESTS / f"{name}.json").read_text())
    arch = manifest["config"]["arch"]
    words = " \n" + "".join(f"t{n}\n" for n in range(1, manifest["config"]["text_num_embeds"]))
    foreign = {key: torch.empty(shape, device="meta") for key, shape in manifest["keys"].items()}
    model, tables, dropped = build(foreign, {"model": manifest["config"]}, vocabulary=words)
    buffers = [k for k in foreign if k.endswith(("initted", "step", "inv_freq"))]
    assert sorted(dropped) == sorted(buffers)
    assert sum(p.numel() for p in model.parameters()) == manifest["parameters"]
    config = tables["config"]
    for ours, theirs in {"dim": "dim", "depth": "depth", "heads": "heads"}.items():
        assert config[ours] == arch[theirs]
    assert config["head_dim"] == 64
    assert config["ff_mult"] == arch["ff_mult"]
    assert config["backbone"] == manifest["config"]["backbone"].lower()
    assert config["text_layers"] == arch.get("conv_layers", 0)
    assert config["mask_text"] == arch["text_mask_padding"]
    assert config["rotary_heads"] == (arch["pe_attn_head"] or 0)
    assert len(tables["text"]["vocabulary"]) == config["n_tokens"] == 2545


@pytest.mark.parity
@pytest.mark.parametrize(
    "name",
    ["f5_dit_v1_tiny", "f5_dit_options_tiny", "e2_unett_tiny", "e2_unett_add_conv_tiny"],
)
def test_the_settings_of_recorded_models_are_read_from_their_tensors(load_parity, name):
    recording = load_parity(name)
    theirs = recording.meta["config"]
    arch = theirs.get("arch", theirs)
    found = convert.config_from_tensors(recording.weights, arch)
    assert (found["dim"], found["depth"]) == (arch["dim"], arch["depth"])
    assert (found["heads"], found["head_dim"]) == (arch["heads"], arch.get("dim_head", 64))
    assert found["qk_norm"] == bool(arch.get("qk_norm"))
    assert found["long_skip"] == bool(arch.get("long_skip_connection"))
    assert found["text_layers"] == arch.get("conv_layers", 0)
    assert found["skip"] == ("add" if arch.get("skip_connect_type") == "add" else "concat")
    assert found["stretch_text"] == bool(arch.get("text_embedding_average_upsampling"))
    ours, _ = convert.adapt(recording.weights)
    assert all(key.startswith("backbone.") for key in ours)


@pytest.mark.parametrize(
    "prefix",
    [
        *("", "transformer.", "ema_model.transformer.", "module.transformer."),
        *("_orig_mod.transformer.", "ema_model._orig_mod.transformer.", "ema_model.module."),
    ],
)
def test_every_prefix_in_the_wild(prefix):
    model, _, dropped = build({prefix + key: value for key, value in dit().items()})
    assert dropped == [f"{prefix}rotary_embed.inv_freq"]
    assert torch.equal(model.backbone.output.bias, dit()["proj_out.bias"])


def test_what_old_files_carry_besides_the_weights_is_left_out():
    extra = {
        "ema_model.mel_spec.mel_stft.mel_scale.fb": torch.ones(513, 100),
        "ema_model.mel_spec.mel_stft.spectrogram.window": torch.ones(1024),
        "ema_model.transformer.text_embed.freqs_cis": torch.ones(8192, 32),
        "update": torch.tensor(3),
    }
    _, _, dropped = build(saved(dit()) | extra)
    assert set(extra) | {"initted", "step"} < set(dropped)


def test_optional_parts_and_the_response_norms_shape():
    model, tables, _ = build(dit(qk_norm=True, long_skip=True))
    assert tables["config"]["qk_norm"] is tables["config"]["long_skip"] is True
    assert model.backbone.text.blocks[0].response.gamma.shape == (64,)
    _, tables, _ = build(unett(skips=False))
    assert (tables["config"]["backbone"], tables["config"]["skip"]) == ("unett", "add")
    assert build(unett())[1]["config"]["skip"] == "concat"


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_files_become_float32(dtype):
    model, _, _ = build({key: value.to(dtype) for key, value in dit().items()})
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    expected = dit()["proj_out.weight"].to(dtype).float()
    assert torch.equal(model.backbone.output.weight, expected)


def test_two_sets_of_weights_in_one_file_are_refused():
    both = saved(dit()) | {f"transformer.{key}": value for key, value in dit().items()}
    with pytest.raises(BadCheckpoint, match="in the file twice"):
        convert.adapt(both)


def test_an_mmdit_is_refused_by_name():
    foreign = saved(dit()) | {
        "ema_model.transformer.audio_embed.linear.weight": torch.ones(64, 200)
    }
    assert convert.recognises(foreign)
    with pytest.raises(BadCheckpoint, match="MMDiT"):
        convert.adapt(foreign)


def test_a_part_of_a_model_or_an_unknown_tensor_is_named():
    part = {k: v for k, v in dit().items() if not k.startswith("proj_out")}
    with pytest.raises(BadCheckpoint, match=r"output\.weight"):
        build(part)
    with pytest.raises(BadCheckpoint, match=r"unexpected: lora\.a"):
        build(dit() | {"lora.a": torch.ones(2)})
    with pytest.raises(
        BadCheckpoint, match=r"1 missing: backbone\.blocks\.1\.attention\.key\.bias"
    ):
        build({k: v for k, v in dit().items() if k != "transformer_blocks.1.attn.to_k.bias"})


def test_the_vocabulary_must_be_there_and_fit():
    with pytest.raises(BadCheckpoint, match=r"no vocabulary.*vocab\.txt into the same folder"):
        convert.tables({}, dit())
    with pytest.raises(BadCheckpoint, match=r"10 entries.*rows for 12.*vocab\.txt"):
        build(dit(tokens=12))
    _, tables, _ = build(
        dit(), vocabulary="\ufeff" + VOCABULARY.replace("\n", "\r\n").rstrip("\r\n")
    )
    assert tables["text"]["vocabulary"] == [" ", *"abcdefghi"]


def test_bytes_need_no_vocabulary():
    _, tables, _ = build(dit(tokens=256), {"model": {"tokenizer": "byte"}})
    assert tables["text"] == {"kind": "bytes"}


@pytest.mark.parametrize(
    ("foreign", "source", "spec", "vocoder"),
    [
        ({}, "m.safetensors", VOCOS_24K, "vocos-mel-24khz"),
        ({}, "hf://o/r/F5TTS_Base_bigvgan/m.pt", BIGVGAN_24K, "bigvgan-v2-24khz-100band-256x"),
        (
            {"model": {"mel_spec": {"mel_spec_type": "bigvgan", "hop_length": 256}}},
            *("m.pt", BIGVGAN_24K, "bigvgan-v2-24khz-100band-256x"),
        ),
        ({"mel_spec_type": "vocos"}, "bigvgan/m.pt", VOCOS_24K, "vocos-mel-24khz"),
    ],
)
def test_the_features_and_the_vocoder_that_reads_them(foreign, source, spec, vocoder):
    _, tables, _ = build(dit(), foreign, source=source)
    assert (tables["features"], tables["vocoder"]) == (to_dict(spec), vocoder)


def test_features_of_ones_own_name_no_vocoder():
    _, tables, _ = build(dit(), {"model": {"mel_spec": {"hop_length": 512}}})
    assert tables["features"]["hop_length"] == 512
    assert "vocoder" not in tables
    with pytest.raises(BadCheckpoint, match="mel type 'encodec'"):
        build(dit(), {"mel_spec_type": "encodec"})
    with pytest.raises(BadCheckpoint, match="statistics"):
        convert.tables({}, dit(), ((0.0,), (1.0,)))


def test_it_knows_its_own():
    assert convert.recognises(saved(dit()))
    assert convert.recognises(unett())
    assert not convert.recognises(["encoder.emb.weight"])
    assert official.VOCABULARY.count("\n") == 10
