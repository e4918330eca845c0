"""A model of ours in the layout of a release: every name, every shape, and back again."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from tests.models.xtts import official
from tests.models.xtts.speaking import write_speaking
from vivavoce.checkpoints import store
from vivavoce.cli import main
from vivavoce.hub import library
from vivavoce.models.xtts.importer import adapt
from vivavoce.models.xtts.official_export import official as exported

MANIFESTS = Path(__file__).parents[2] / "data" / "manifests"


def test_the_official_names_and_shapes_come_out() -> None:
    keys = json.loads((MANIFESTS / "xtts_v2.json").read_text())["keys"]
    theirs = {name: torch.empty(k["shape"], device="meta") for name, k in keys.items()}
    ours, _ = adapt(theirs)
    out = exported(ours)
    assert {n: tuple(t.shape) for n, t in out.items()} == {
        n: tuple(t.shape) for n, t in theirs.items()
    }


def test_tables_of_the_speaker_encoder_are_torchaudio_s(tmp_path: Path) -> None:
    out = exported(library.open_model(str(write_speaking(tmp_path / "XTTS-v2"))).tensors)
    place = "hifigan_decoder.speaker_encoder.torch_spec."
    expected = torch.hamming_window(400)
    assert torch.allclose(out[f"{place}1.spectrogram.window"], expected, atol=1e-6)
    assert out[f"{place}1.mel_scale.fb"].shape == (257, 64)
    assert out[f"{place}0.filter"].flatten().tolist() == [torch.tensor(-0.97).item(), 1.0]


def test_out_and_in_again_is_the_same_model(tmp_path: Path) -> None:
    folder = write_speaking(tmp_path / "XTTS-v2")
    out = tmp_path / "again"
    assert main(["models", "export", str(folder), "-o", str(out), "--as", "xtts"]) == 0
    assert {p.name for p in out.iterdir()} == {
        "config.json", "model.pth", "speakers_xtts.pth", "vocab.json"
    }  # fmt: skip
    before, after = library.open_model(str(folder)), library.open_model(str(out))
    assert before.tensors.keys() == after.tensors.keys()
    for name, tensor in before.tensors.items():
        assert torch.allclose(after.tensors[name], tensor, rtol=1e-6, atol=1e-7), name
    same = ("config", "features", "speakers", "languages", "options")
    assert {k: before.manifest[k] for k in same} == {k: after.manifest[k] for k in same}
    assert official.NAMES[0] in after.manifest["speakers"]
    assert store.MANIFEST not in {p.name for p in out.iterdir()}
