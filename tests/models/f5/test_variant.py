"""Who decides between v0 and v1, in which order, and that the reason says so."""

from __future__ import annotations

import pytest

from tests.models.f5.official import VOCABULARY, dit, unett
from vivavoce.models.f5.importer import tables
from vivavoce.models.f5.variant import last_parts, settings_of

V1, V0 = (True, 0), (False, 1)
YAML = {"model": {"name": "F5TTS_Base", "arch": {"dim": 64, "text_mask_padding": True}}}


def read(foreign=None, tensors=None, **found):
    made = tables(
        (foreign or {}) | {"found": {"vocabulary": VOCABULARY} | found},
        dit() if tensors is None else tensors,
    )
    config, variant = made["config"], made["variant"]
    return (config["mask_text"], config["rotary_heads"]), variant["name"], variant["reason"]


def test_the_catalogue_comes_first():
    flags, name, reason = read(YAML, variant="v0", source="F5TTS_v1_Base/model.safetensors")
    assert (flags, name) == (V0, "v0")
    assert "catalogue" in reason


@pytest.mark.parametrize(
    ("foreign", "flags", "name"),
    [
        (YAML, V1, "v1"),
        ({"model": {"arch": {"text_mask_padding": False, "pe_attn_head": 1}}}, V0, "v0"),
        ({"model": {"arch": {"text_mask_padding": True, "pe_attn_head": None}}}, V1, "v1"),
        ({"dim": 64, "text_mask_padding": False, "pe_attn_head": 1}, V0, "v0"),
        ({"mask_text": False, "rotary_heads": 1}, V0, "v0"),
        ({"config": {"mask_text": True, "rotary_heads": 2}}, (True, 2), "mixed"),
    ],
)
def test_a_configuration_that_states_the_settings_is_second(foreign, flags, name):
    found = read(foreign, source="F5TTS_Base/model.pt")
    assert found[:2] == (flags, name)
    assert "configuration states" in found[2]


def test_then_the_name_in_a_configuration():
    older = {"model": {"name": "F5TTS_Base", "arch": {"dim": 64}}}
    assert read(older, source="F5TTS_v1_Base/m.pt")[:2] == (V0, "v0")
    assert "called 'F5TTS_Base'" in read(older)[2]
    assert read({"model": "F5TTS_v1_Small"})[:2] == (V1, "v1")


@pytest.mark.parametrize(
    ("source", "flags", "name"),
    [
        ("hf://SWivid/F5-TTS/F5TTS_v1_Base/model_1250000.safetensors", V1, "v1"),
        ("hf://SWivid/F5-TTS/F5TTS_v1_Base_no_zero_init/model_1250000.safetensors@abc", V1, "v1"),
        ("hf://SWivid/F5-TTS/F5TTS_Base/model_1200000.safetensors", V0, "v0"),
        ("hf://SWivid/F5-TTS/F5TTS_Base_bigvgan/model_1250000.pt", V0, "v0"),
        ("C:\\models\\F5TTS_v1_Base\\old\\F5-TTS-Small\\model.pt", V0, "v0"),
        ("/x/f5tts_v1_german.pt", V1, "v1"),
    ],
)
def test_then_the_path(source, flags, name):
    found = read(source=source)
    assert found[:2] == (flags, name)
    assert "path names" in found[2]


@pytest.mark.parametrize(
    "source",
    ["", "model.pt", "hf://o/F5-TTS-German/model_last.pt", "/F5TTS_v1_Base/a/b/c/d/e/model.pt"],
)
def test_otherwise_nobody_knows(source):
    flags, name, reason = read(source=source)
    assert (flags, name) == (V1, "unknown")
    assert "neither" in reason


def test_e2_is_always_the_first_kind_unless_stated():
    assert read(tensors=unett(), source="F5TTS_v1_Base/m.pt")[:2] == (V0, "v0")
    assert read({"text_mask_padding": True}, tensors=unett())[0] == (True, 1)


def test_settings_are_found_in_every_table():
    foreign = {
        "a": 1,
        "config": {"b": 2},
        "model": {"c": 3, "arch": {"a": 4}, "mel_spec": {"d": 5}},
    }
    assert settings_of(foreign) == {"a": 4, "b": 2, "c": 3, "d": 5}
    assert last_parts("hf://o/r/f/m.pt@x") == ["x", "m.pt", "f", "r", "o"]
