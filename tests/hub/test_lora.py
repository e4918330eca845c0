"""LoRA adapters in PEFT's files: merged into the weights, for every family."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.hub.conftest import opened
from tests.models.f5.official import VOCABULARY, dit, saved
from tests.models.xtts import official
from tests.tiny import tiny_folders, tiny_voice
from vivavoce.errors import BadCheckpoint, UsageError
from vivavoce.hub import library
from vivavoce.hub.lora import Adapter
from vivavoce.speech.load import load

pytestmark = pytest.mark.usefixtures("home")
RANK, ALPHA = 4, 8
F5_QUERY = "transformer_blocks.0.attn.to_q"
F5_TARGETS = (F5_QUERY, "transformer_blocks.1.ff.ff.0.0")
XTTS_TARGETS = ("gpt.gpt.h.0.attn.c_attn", "gpt.gpt.h.1.attn.c_proj", "gpt.gpt.h.1.mlp.c_fc")


def factors(state, targets, turned=False):
    """A and B for some layers, `[r, in]` and `[out, r]`."""
    generator = torch.Generator().manual_seed(5)
    pairs = {}
    for target in targets:
        rows, columns = state[f"{target}.weight"].shape[:: -1 if turned else 1]
        pairs[target] = (
            torch.randn(RANK, columns, generator=generator),
            torch.randn(rows, RANK, generator=generator),
        )
    return pairs


def alone(pairs, prefix="base_model.model."):
    return {
        f"{prefix}{target}.lora_{half}.weight": tensor
        for target, pair in pairs.items()
        for half, tensor in zip("AB", pair, strict=True)
    }


def whole(state, pairs):
    """A model as PEFT has it in memory: its layers are wrapped."""
    result = {}
    for name, tensor in state.items():
        target = name.removesuffix(".weight").removesuffix(".bias")
        inner = name.replace(target, f"{target}.base_layer") if target in pairs else name
        result[f"base_model.model.{inner}"] = tensor
    for name, tensor in alone(pairs).items():
        result[name.replace(".weight", ".default.weight")] = tensor
    return result


def write(folder, tensors, **settings):
    folder.mkdir()
    save_file({k: v.contiguous() for k, v in tensors.items()}, folder / "adapter_model.safetensors")
    if settings:
        (folder / "adapter_config.json").write_text(json.dumps(settings))
    return folder


@pytest.fixture
def f5(tmp_path):
    folder = tmp_path / "base"
    folder.mkdir()
    save_file(saved(dit()), folder / "model.safetensors")
    (folder / "vocab.txt").write_text(VOCABULARY)
    return folder


def close(actual, expected):
    torch.testing.assert_close(actual, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("scale", [None, 1.0, 0.5, 0.0, -1.0])
@pytest.mark.parametrize("prefix", ["base_model.model.", "base_model.model.transformer.", ""])
def test_an_adapter_of_an_f5(f5, tmp_path, scale, prefix):
    pairs = factors(dit(), F5_TARGETS)
    place = write(tmp_path / "a", alone(pairs, prefix), r=RANK, lora_alpha=ALPHA)
    _, plain = opened(f5)
    _, merged = opened(f5, adapters=[Adapter(str(place), scale)])
    a, b = pairs[F5_QUERY]
    strength = ALPHA / RANK * (1.0 if scale is None else scale)
    close(
        merged["backbone.blocks.0.attention.query.weight"],
        dit()[f"{F5_QUERY}.weight"] + strength * b @ a,
    )
    changed = [name for name in plain if not torch.equal(plain[name], merged[name])]
    assert len(changed) == (2 if strength else 0)
    assert merged.keys() == plain.keys()


def test_a_stored_model_takes_an_adapter_and_stays_as_it_was(f5, tmp_path):
    library.import_checkpoint(f5, name="mine")
    place = write(tmp_path / "a", alone(factors(dit(), F5_TARGETS)), r=RANK, lora_alpha=ALPHA)
    query = "backbone.blocks.0.attention.query.weight"
    _, merged = opened("mine", adapters=[Adapter(str(place))])
    _, plain = opened("mine")
    assert torch.equal(plain[query], dit()[f"{F5_QUERY}.weight"])
    assert not torch.equal(merged[query], plain[query])


def test_load_takes_adapters_and_the_model_speaks(f5, tmp_path):
    place = write(tmp_path / "a", alone(factors(dit(), F5_TARGETS)), r=RANK, lora_alpha=ALPHA)
    _, vocoder = tiny_folders(tmp_path)
    how = {"vocoder": vocoder, "device": "cpu"}
    plain, none, whole = (
        load(f5, lora=lora, **how).speak("a b c", tiny_voice(), seed=1, steps=2, on_problem="warn")
        for lora in ((), f"{place}:0", [place])
    )
    assert np.array_equal(plain.samples, none.samples)
    assert not np.array_equal(plain.samples, whole.samples)


def test_two_adapters_add_up(f5, tmp_path):
    pairs = factors(dit(), F5_TARGETS)
    place = write(tmp_path / "a", alone(pairs), r=RANK, lora_alpha=ALPHA)
    _, twice = opened(f5, adapters=[Adapter(str(place), 0.25), Adapter(str(place), 0.75)])
    _, once = opened(f5, adapters=[Adapter(str(place))])
    close(
        twice["backbone.blocks.0.attention.query.weight"],
        once["backbone.blocks.0.attention.query.weight"],
    )


def test_a_whole_model_whose_adapter_has_no_scale(f5):
    pairs = factors(dit(), F5_TARGETS)
    save_file(whole(dit(), pairs), f5 / "model.safetensors")
    with pytest.raises(BadCheckpoint, match=r"scale.*unknown.*adapter_config\.json"):
        opened(f5)


def test_the_full_file_of_peft_is_merged(f5):
    pairs = factors(dit(), F5_TARGETS)
    save_file(whole(dit(), pairs), f5 / "model.safetensors")
    (f5 / "adapter_config.json").write_text(json.dumps({"lora_alpha": ALPHA, "r": RANK}))
    manifest, merged = opened(f5)
    a, b = pairs[F5_QUERY]
    close(
        merged["backbone.blocks.0.attention.query.weight"],
        dit()[f"{F5_QUERY}.weight"] + ALPHA / RANK * b @ a,
    )
    assert manifest["config"]["depth"] == 2
    imported = library.import_checkpoint(f5, name="mine")
    assert torch.equal(
        opened(imported)[1]["backbone.blocks.0.attention.query.weight"],
        merged["backbone.blocks.0.attention.query.weight"],
    )


def test_a_trainers_file_that_states_the_alpha_itself(f5):
    pairs = factors(dit(), F5_TARGETS)
    (f5 / "model.safetensors").unlink()
    table = {"ema_model_state_dict": whole(dit(), pairs), "lora": {"lora_alpha": ALPHA}}
    torch.save(table, f5 / "model.pt")
    a, b = pairs[F5_QUERY]
    close(
        opened(f5)[1]["backbone.blocks.0.attention.query.weight"],
        dit()[f"{F5_QUERY}.weight"] + ALPHA / RANK * b @ a,
    )


@pytest.mark.parametrize("prefix", ["xtts.gpt.gpt.", "gpt.gpt.", "gpt.", ""])
def test_an_adapter_of_an_xtts(tmp_path, prefix):
    """GPT-2's layers are kept [in, out]; a square one must not be turned the wrong way."""
    state = official.tensors()
    base = official.write_official(tmp_path / "XTTS-v2")
    pairs = factors(state, XTTS_TARGETS, turned=True)
    named = {t.replace("gpt.gpt.", prefix, 1): pair for t, pair in pairs.items()}
    settings = {"r": RANK, "lora_alpha": ALPHA, "fan_in_fan_out": True}
    place = write(tmp_path / "a", alone(named), **settings)
    _, merged = opened(base, adapters=[Adapter(str(place))])
    ours = ("gpt.blocks.0.qkv", "gpt.blocks.1.out", "gpt.blocks.1.up")
    for target, name in zip(XTTS_TARGETS, ours, strict=True):
        a, b = pairs[target]
        expected = state[f"{target}.weight"].t() + ALPHA / RANK * b @ a
        close(merged[f"{name}.weight"], expected)


def test_layers_that_are_saved_whole_replace_the_models(f5, tmp_path):
    pairs = factors(dit(), F5_TARGETS)
    row = "base_model.model.proj_out.modules_to_save.default.bias"
    tensors = alone(pairs) | {row: torch.full((100,), 7.0)}
    place = write(tmp_path / "a", tensors, r=RANK, lora_alpha=ALPHA)
    assert opened(f5, adapters=[Adapter(str(place))])[1]["backbone.output.bias"][3] == 7.0


@pytest.mark.parametrize(
    ("settings", "strength"),
    [
        ({"lora_alpha": 8, "use_rslora": True}, 4.0),
        ({"lora_alpha": 8, "alpha_pattern": {"attn.to_q": 2}}, 0.5),
        ({"lora_alpha": 8, "alpha_pattern": {"n.to_q": 2}}, 2.0),
    ],
)
def test_the_scale_that_the_settings_state(f5, tmp_path, settings, strength):
    pairs = factors(dit(), [F5_QUERY])
    place = write(tmp_path / "a", alone(pairs), r=RANK, **settings)
    _, merged = opened(f5, adapters=[Adapter(str(place))])
    a, b = pairs[F5_QUERY]
    expected = dit()[f"{F5_QUERY}.weight"] + strength * b @ a
    close(merged["backbone.blocks.0.attention.query.weight"], expected)


def test_without_settings_the_scale_has_to_be_given(f5, tmp_path):
    pairs = factors(dit(), [F5_QUERY])
    place = write(tmp_path / "a", alone(pairs))
    with pytest.raises(BadCheckpoint, match="--lora FILE:SCALE"):
        opened(f5, adapters=[Adapter(str(place))])
    _, merged = opened(f5, adapters=[Adapter(str(place), 3.0)])
    a, b = pairs[F5_QUERY]
    expected = dit()[f"{F5_QUERY}.weight"] + 3.0 * b @ a
    close(merged["backbone.blocks.0.attention.query.weight"], expected)


def test_an_adapter_alone_is_not_a_model(f5, tmp_path):
    place = write(tmp_path / "a", alone(factors(dit(), F5_TARGETS)), r=RANK, lora_alpha=ALPHA)
    with pytest.raises(BadCheckpoint, match=r"LoRA adapter, not a whole model.*--lora"):
        opened(place)


def test_a_model_is_not_an_adapter(f5):
    with pytest.raises(BadCheckpoint, match="is not a LoRA adapter"):
        opened(f5, adapters=[Adapter(str(f5))])


def test_an_adapter_of_another_model(f5, tmp_path):
    pairs = factors(official.tensors(), XTTS_TARGETS, turned=True)
    place = write(tmp_path / "a", alone(pairs), r=RANK, lora_alpha=ALPHA)
    with pytest.raises(BadCheckpoint, match="does not fit"):
        opened(f5, adapters=[Adapter(str(place))])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop(next(n for n in t if "lora_B" in n)), "does not fit: there is no"),
        (lambda t: t.update({f"{F5_QUERY}.lora_A.weight": torch.ones(2, 64)}), "A and B of"),
        (
            lambda t: t.update({f"{F5_QUERY}.lora_B.weight": torch.ones(63, RANK)}),
            r"shape \[63, 64\].*; the model has \[64, 64\]",
        ),
        (lambda t: t.update({f"{F5_QUERY}.lora_magnitude_vector": torch.ones(64)}), "only LoRA"),
        (lambda t: t.update({f"{F5_QUERY}.lora_A.other.weight": torch.ones(2, 64)}), "several"),
        (
            lambda t: t.update({f"{F5_QUERY}.lora_A.weight": torch.full((4, 64), torch.nan)}),
            "not numbers",
        ),
    ],
)
def test_a_damaged_adapter_is_refused(f5, tmp_path, change, message):
    tensors = alone(factors(dit(), [F5_QUERY]), prefix="")
    change(tensors)
    place = write(tmp_path / "a", tensors, r=RANK, lora_alpha=ALPHA)
    with pytest.raises(BadCheckpoint, match=message):
        opened(f5, adapters=[Adapter(str(place))])


@pytest.mark.parametrize(
    ("text", "adapter"),
    [
        ("a.safetensors", Adapter("a.safetensors")),
        ("a:0.5", Adapter("a", 0.5)),
        ("hf://o/r:-1", Adapter("hf://o/r", -1.0)),
        ("hf://o/r", Adapter("hf://o/r")),
        ("C:\\a", Adapter("C:\\a")),
    ],
)
def test_what_is_typed(text, adapter):
    assert Adapter.parse(text) == adapter


@pytest.mark.parametrize("text", ["a:nan", "a:inf", ":1"])
def test_what_is_no_scale(text):
    with pytest.raises(UsageError, match="FILE:SCALE"):
        Adapter.parse(text)
