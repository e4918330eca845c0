"""Official and community checkpoints: every name consumed, every size and setting accounted for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.models.xtts import official
from tests.models.xtts.official import FULL, TINY, V1
from tests.tolerance import assert_near
from vivavoce.audio.specs import XTTS_LATENTS
from vivavoce.checkpoints.remap import strict_load, under, without_numbers
from vivavoce.config import to_dict
from vivavoce.errors import BadCheckpoint
from vivavoce.models import MODELS
from vivavoce.models.xtts import importer as convert
from vivavoce.vocoders import VOCODERS

MANIFEST = Path(__file__).parents[2] / "data" / "manifests" / "xtts_v2.json"
ORIGINAL = "hifigan_decoder.waveform_decoder.ups.0.parametrizations.weight.original"


def settings(sizes=TINY, vocabulary=None, **changed):
    """A configuration as `tables` gets it."""
    words = json.dumps(vocabulary or official.vocabulary(sizes))
    return official.config(sizes) | changed | {"found": {"vocabulary": words}}


def build(tensors, foreign=None):
    """Model and vocoder with the tensors in them, the tables they are made by, and leftovers."""
    tables = convert.tables(foreign or settings(), tensors)
    ours, dropped = convert.adapt(tensors)
    its = tables["vocoder"]
    with without_numbers():
        model = MODELS.family("xtts").model.build(tables)
        vocoder = VOCODERS.family(its["family"]).model.build(its)
    strict_load(model, {k: v for k, v in ours.items() if not k.startswith("vocoder.")})
    strict_load(vocoder, under(ours, "vocoder."))
    return model, vocoder, tables, dropped


def with_speakers(state, sizes=TINY):
    """The tensors, and those of a speakers' file as they are named beside them."""
    return state | {
        f"speakers/{name}/{key}": tensor
        for name, entry in official.speakers(sizes).items()
        for key, tensor in entry.items()
    }


def test_every_tensor_of_the_official_model_has_its_place():
    manifest = json.loads(MANIFEST.read_text())
    keys = {k: torch.empty(v["shape"], device="meta") for k, v in manifest["keys"].items()}
    foreign = settings(FULL, model_args=manifest["config"]["model_args"])
    model, vocoder, tables, dropped = build(keys, foreign)
    assert sorted(dropped) == sorted(
        k for k in keys if k.endswith("num_batches_tracked") or ".torch_spec." in k
    )
    config = tables["config"]
    assert (config["width"], config["depth"], config["heads"]) == (1024, 30, 16)
    assert (config["text_tokens"], config["code_tokens"]) == (6681, 1026)
    assert (config["start_text"], config["stop_text"]) == (261, 0)
    assert (config["max_text"], config["max_codes"]) == (402, 605)
    assert config["speaker"]["blocks"] == [3, 4, 6, 3]
    assert (config["perceiver_heads"], config["perceiver_head_dim"]) == (8, 64)
    assert tables["features"] == to_dict(XTTS_LATENTS) == tables["vocoder"]["features"]
    assert tables["vocoder"]["config"]["block_dilations"] == [[1, 3, 5]] * 3
    norms = sum(shape["shape"][0] for k, shape in manifest["keys"].items() if "original0" in k)
    count = sum(p.numel() for part in (model, vocoder) for p in part.parameters())
    assert count == manifest["parameters"] - norms, "weight norm is folded"


def test_the_second_names_of_the_wrapper_are_left_out():
    manifest = json.loads(MANIFEST.read_text())
    aliases = list(manifest["inference_alias_keys"])
    state = official.tensors() | {name: torch.ones(1) for name in aliases}
    *_, dropped = build(state)
    assert set(aliases) <= set(dropped)


def test_the_numbers_land_where_they_belong():
    state = with_speakers(official.tensors())
    model, vocoder, _, _ = build(state)
    theirs = state["gpt.gpt.h.1.attn.c_attn.weight"]
    ours = model.gpt.blocks[1].qkv.weight
    assert torch.equal(ours, theirs.t())
    assert torch.equal(model.gpt.code_head.bias, state["gpt.mel_head.bias"])
    g, v = state[f"{ORIGINAL}0"], state[f"{ORIGINAL}1"]
    folded = g * v / v.flatten(1).norm(dim=1)[:, None, None]
    assert_near(vocoder.state_dict()["stages.0.upsample.weight"], folded)
    for row, entry in enumerate(official.speakers().values()):
        assert torch.equal(model.speaker_latents[row], entry["gpt_cond_latent"][0])
        assert torch.equal(model.speaker_embeddings[row], entry["speaker_embedding"].flatten())


def test_turned_matrices_are_views():
    state = official.tensors()
    ours, _ = convert.adapt(state)
    for theirs, name in (("attn.c_attn", "qkv"), ("mlp.c_proj", "down")):
        view = ours[f"gpt.blocks.0.{name}.weight"]
        assert view.data_ptr() == state[f"gpt.gpt.h.0.{theirs}.weight"].data_ptr()


def test_without_speakers_there_are_none():
    model, _, tables, _ = build(official.tensors())
    assert tables["speakers"] == []
    assert model.speaker_latents.shape == (0, 32, 32)
    assert model.speaker_embeddings.shape == (0, 16)


@pytest.mark.parametrize("norm", ["new", "old", "folded"])
def test_every_way_of_storing_weight_norm(norm):
    state = official.tensors()
    expected = convert.adapt(state)[0]
    if norm == "old":
        state = official.old_weight_norm(state)
    if norm == "folded":
        plain = vocoder_folded(state)
        state = {k: v for k, v in state.items() if "parametrizations" not in k} | plain
    _, vocoder, _, _ = build(state)
    for name, value in under(expected, "vocoder.").items():
        assert_near(vocoder.state_dict()[name], value)


def vocoder_folded(state):
    from vivavoce.checkpoints.remap import fold_weight_norm

    return {k: v for k, v in fold_weight_norm(state).items() if k not in state}


def test_a_trainers_checkpoint():
    plain = official.tensors()
    state = official.as_trained(plain)
    assert convert.recognises(state)
    model, _, _, dropped = build(state)
    assert torch.equal(model.gpt.final_norm.weight, plain["gpt.final_norm.weight"])
    assert "dvae.encoder.0.0.weight" in dropped
    *_, dropped = build(official.with_aliases(plain))
    assert "gpt.gpt_inference.transformer.h.0.ln_1.weight" in dropped


def test_masks_of_old_transformers_are_left_out():
    extra = {"gpt.gpt.h.0.attn.bias": torch.ones(1, 1, 4, 4)}
    extra |= {"gpt.gpt.h.0.attn.masked_bias": torch.tensor(-1e4)}
    *_, dropped = build(official.tensors() | extra)
    assert set(extra) <= set(dropped)


def test_version_one_has_no_perceiver():
    model, _, tables, dropped = build(official.tensors(V1), settings(V1))
    assert tables["config"]["perceiver"] is False
    assert (tables["config"]["code_tokens"], tables["config"]["stop_code"]) == (30, 29)
    assert model.conditioning.perceiver is None
    assert "gpt.prompt_embedding.weight" in dropped


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_files_become_float32(dtype):
    state = {k: v.to(dtype) if v.is_floating_point() else v for k, v in official.tensors().items()}
    model, vocoder, _, _ = build(state)
    assert {p.dtype for p in (*model.parameters(), *vocoder.parameters())} == {torch.float32}
    assert model.mel_stats.dtype == torch.float32


def test_an_unknown_tensor_or_a_missing_one_is_named():
    state = official.tensors()
    for name in ("gpt.lora.a", "hifigan_decoder.waveform_decoder.odd", "extra"):
        with pytest.raises(BadCheckpoint, match="unexpected"):
            build(state | {name: torch.ones(2)})
    with pytest.raises(BadCheckpoint, match=r"1 missing: gpt\.blocks\.1\.up\.bias"):
        build({k: v for k, v in state.items() if k != "gpt.gpt.h.1.mlp.c_fc.bias"})
    for name in ("gpt.text_embedding.weight", "hifigan_decoder.speaker_encoder.fc.weight"):
        with pytest.raises(BadCheckpoint, match=f"not a complete XTTS model: '{name}'"):
            build({k: v for k, v in state.items() if k != name})
    with pytest.raises(BadCheckpoint, match="no vocoder"):
        build({k: v for k, v in state.items() if "waveform_decoder" not in k or "conv_pre" in k})
    with pytest.raises(BadCheckpoint, match="Half of the checkpoint's HiFi-GAN"):
        build({k: v for k, v in state.items() if "resblocks" not in k})
    with pytest.raises(BadCheckpoint, match="in the file twice"):
        build(state | {"xtts.mel_stats": torch.ones(80)})


def test_speakers_of_another_checkpoint_are_refused():
    state = with_speakers(official.tensors())
    name = f"speakers/{TINY.speakers[1]}/gpt_cond_latent"
    with pytest.raises(BadCheckpoint, match=r"Damien Black.*\[32, 32\]; it is \[1, 32, 64\]"):
        convert.adapt(state | {name: torch.ones(1, 32, 64)})
    del state[name]
    with pytest.raises(BadCheckpoint, match=r"Damien Black.*it is None.*speakers_xtts\.pth"):
        convert.adapt(state)


def test_it_knows_its_own():
    assert convert.recognises(official.shapes())
    assert convert.recognises(official.shapes(V1))
    assert not convert.recognises(["gpt.text_embedding.weight", "encoder.emb.weight"])
