"""Bark's checkpoints: official names to the last tensor, Suno's and Hugging Face's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.models.bark import official
from vivavoce.checkpoints.remap import strict_load, without_numbers
from vivavoce.hub import build
from vivavoce.hub.read import Stored
from vivavoce.models import MODELS
from vivavoce.models.bark import importer
from vivavoce.models.bark.config import BarkConfig
from vivavoce.models.bark.model import Bark
from vivavoce.models.bark.workloads import VOCABULARY

FOLDER = Path(__file__).parents[2] / "data" / "manifests"
FOUND = {"vocabulary": VOCABULARY.replace(" ", "\n")}
HUGGING_FACE = (
    ("transformer.", ""),
    ("h.", "layers."),
    ("c_attn", "att_proj"),
    ("c_proj", "out_proj"),
    ("c_fc", "in_proj"),
    ("ln_f", "layernorm_final"),
    ("ln_", "layernorm_"),
    ("wpe", "position_embeds_layer"),
    ("wte", "input_embeds_layer"),
)


def official_names(size: str = "") -> dict[str, torch.Tensor]:
    """What reading the files gives, without the numbers."""
    starts = {f"zoo/bark_{size}text": "", f"zoo/bark_{size}coarse": "coarse/model/_orig_mod."}
    starts |= {f"zoo/bark_{size}fine": "fine/model/", "encodec_24khz": "codec/"}
    found = {"coarse/best_val_loss": torch.empty(1, device="meta")}
    for name, start in starts.items():
        keys = json.loads((FOLDER / f"{name}.json").read_text())["keys"]
        for key, row in keys.items():
            shape = row["shape"] if isinstance(row, dict) else row
            found[start + key] = torch.empty(shape, device="meta")
    return found


@pytest.mark.parametrize(("size", "width"), [("", 1024), ("small_", 768)])
def test_the_official_checkpoints_fit(size, width):
    foreign = official_names(size)
    assert MODELS.recognise(foreign) == "bark"
    with without_numbers():
        tables = importer.tables({"found": FOUND}, foreign)
        ours, dropped = importer.adapt(foreign)
        model, vocoder = build.split(Stored({"name": "bark", **tables}, ours))
        bark = Bark.build(model.manifest)
    strict_load(bark, model.tensors)
    strict_load(build.vocoder(vocoder), vocoder.tensors)
    config = bark.config
    assert (config.semantic.width, config.semantic.width // config.semantic.heads) == (width, 64)
    assert config == BarkConfig() or size
    kinds = {name.partition(".")[0] for name in dropped}
    assert kinds == {
        "fine/model/lm_heads",
        "codec/encoder",
        "codec/quantizer",
        "coarse/best_val_loss",
    }


def test_hugging_faces_names_are_read_too():
    parts = {"text": "semantic.", "coarse": "coarse_acoustics.", "fine": "fine_acoustics."}
    foreign = {f"codec_model.{name}": tensor for name, tensor in official.codec().items()}
    for part, start in parts.items():
        for name, tensor in official.transformer(part).items():
            for theirs, other in HUGGING_FACE:
                name = name.replace(theirs, other)
            foreign[start + name] = tensor
    assert MODELS.recognise(foreign) == "bark"
    tables = importer.tables({"found": FOUND, "model_type": "bark"}, foreign)
    ours, dropped = importer.adapt(foreign)
    stored = build.checked(
        Stored({"kind": "acoustic", "family": "bark", "name": "bark", **tables}, ours)
    )
    assert tables["config"]["coarse"]["depth"] == 1
    assert len(dropped) == 3 + 7 + 1
    assert "fine.books.7.weight" in stored.tensors
