"""The benchmark of Coqui's other models, as far as it needs no peer: our side of every row."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import zoo, zoo_peer
from tests.tolerance import assert_recorded


def written(recorded, folder: Path, **more) -> Path:
    """As the worker writes it."""
    settings = {"model_args": recorded.meta["config"], **recorded.meta["config"], **more}
    (folder / "config.json").write_text(json.dumps(settings))
    torch.save({"model": recorded.weights}, folder / "model.pth")
    return folder


def test_the_peer_can_build_every_row() -> None:
    assert {row.task["model"] for row in zoo.ROWS.values()} == set(zoo_peer.BUILD)
    assert all(0 < row.share < 1 for row in zoo.ROWS.values())


@pytest.mark.parity
def test_a_model_of_one_pass_gives_what_the_peer_gives(load_parity, tmp_path: Path) -> None:
    recorded = load_parity("zoo/fast_pitch_tiny")
    folder = written(recorded, tmp_path, audio={"num_mels": 10})
    assert_recorded(zoo.parallel(folder, recorded.inputs["ids"])(), recorded, "mel")


@pytest.mark.parity
def test_a_stepwise_model_makes_all_steps(load_parity, tmp_path: Path, monkeypatch) -> None:
    recorded = load_parity("zoo/tacotron2_ddc_tiny")
    monkeypatch.setattr(zoo, "STEPS", 7)
    bias = next(k for k in recorded.weights if k.startswith("decoder.stopnet") and "bias" in k)
    recorded.weights[bias] = torch.full((1,), -100.0)
    run = zoo.stepwise(written(recorded, tmp_path), recorded.inputs["ids"])
    found, again = run(), run()
    assert found.shape[1] == 7 * recorded.meta["config"].get("r", found.shape[1] // 7)
    assert torch.equal(found, again)


@pytest.mark.parity
def test_a_vocoder_gives_what_the_peer_gives(load_parity, tmp_path: Path) -> None:
    recorded = load_parity("zoo/multiband_melgan_tiny")
    sizes = recorded.meta["config"]
    rates = sizes["upsample_factors"]
    audio = {"hop_length": 4 * torch.tensor(rates).prod().item(), "num_mels": 80}
    more = {"audio": audio, "generator_model": "multiband_melgan_generator"}
    folder = written(recorded, tmp_path, generator_model_params=sizes, **more)
    found = zoo.melgan(folder, recorded.inputs["mel"])()
    assert_recorded(found, recorded, "inference")
