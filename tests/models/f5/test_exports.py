"""A model written as the published program's files is the same model when it is read again."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from tests.models.f5.corpus import toy_state
from tests.models.f5.toy import KINDS, toy
from vivavoce.config import from_dict, to_dict
from vivavoce.hub import library
from vivavoce.models.f5.config import F5Config
from vivavoce.models.f5.exports import published_name, to_published
from vivavoce.models.f5.importer import adapt


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_read_again(kind, tmp_path):
    model = toy(kind)
    tensors = toy_state(model, kind)
    manifest = {
        "name": "toy",
        "config": to_dict(model.config),
        "features": to_dict(model.spec),
        "text": to_dict(model.text),
    }
    files = to_published(manifest, tensors, tmp_path / "toy.safetensors")
    assert [file.name for file in files] == ["toy.safetensors", "toy.yaml", "toy.txt"]
    found = library.open_model(str(files[0]), "acoustic")
    assert found.tensors.keys() == tensors.keys()
    assert all(torch.equal(found.tensors[name], tensors[name]) for name in tensors)
    assert from_dict(F5Config, found.manifest["config"]) == model.config
    assert found.manifest["text"]["vocabulary"] == list(model.text.vocabulary)
    assert found.manifest["features"] == manifest["features"]


@pytest.mark.parametrize("recorded", ["f5_dit_v1_tiny", "f5_dit_options_tiny", "e2_unett_tiny"])
@pytest.mark.parity
def test_names_are_the_published_ones(recorded, load_parity):
    recording = load_parity(recorded)
    backbone = recording.meta["config"]["backbone"].lower()
    theirs = [name if name.startswith("transformer.") else f"transformer.{name}"
              for name in recording.weights if "inv_freq" not in name]  # fmt: skip
    for name in theirs:
        (ours,) = adapt({name: torch.zeros(1)})[0]
        assert published_name(ours, backbone) == name


def test_settings_say_what_weights_cannot(tmp_path):
    model = toy("v0")
    config = replace(model.config, skip="concat")
    manifest = {"name": "v0", "config": to_dict(config), "features": to_dict(model.spec),
                "text": to_dict(model.text)}  # fmt: skip
    _, settings, _ = to_published(manifest, toy_state(model, "v0"), tmp_path / "a.safetensors")
    arch = json.loads(settings.read_text())["model"]["arch"]
    assert (arch["text_mask_padding"], arch["pe_attn_head"]) == (False, 1)
