"""Training the discrete VAE: as recorded, and from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.models.xtts.corpus import recipe_tables, write_recipe
from tests.tolerance import UNITS, assert_within, peak, recorded_unit
from tests.train.records import records
from vivavoce.cli import main
from vivavoce.models.xtts.coder import read_dvae, sizes_of
from vivavoce.models.xtts.dvae import Dvae, adapt
from vivavoce.models.xtts.dvae_train import DvaeTask
from vivavoce.train import optim
from vivavoce.train.recipe import PhaseOptim

LOSS, GRADIENT, PARAMETER = 2e-6, 2e-5, 1e-6


@pytest.fixture
def recording(load_parity):
    return load_parity("train_xtts_dvae_tiny")


@pytest.fixture
def task(recording) -> DvaeTask:
    tensors = adapt(recording.weights)
    dvae = Dvae(sizes_of(tensors))
    dvae.load_state_dict(tensors)
    task = DvaeTask(dvae)
    task.averages.cluster_size.copy_(recording.weights["codebook.cluster_size"])
    task.averages.embed_avg.copy_(recording.weights["codebook.embed_avg"])
    return task.train()


def ours(recorded: str) -> str:
    return recorded.replace(".0.conv.", ".1.")


@pytest.mark.parity
def test_three_updates_are_the_reference_s(task, recording) -> None:
    given = recording.meta["optimiser"]
    config = PhaseOptim(
        lr=given["lr"], betas=given["betas"], eps=given["eps"], weight_decay=given["weight_decay"]
    )
    names = dict(task.exported.named_parameters())
    optimiser = optim.build(config, names, task.decayed)
    for update in range(3):
        optimiser.zero_grad()
        terms = task.losses(recording.inputs["mel"])
        for name, value in terms.items():
            expected = recording.outputs[f"loss.{update}.{name}"].item()
            assert value.item() == pytest.approx(expected, rel=LOSS), f"{name} {update}"
        sum(terms.values()).backward()
        if update == 0:
            assert_values(recording, "grad.", {n: p.grad for n, p in names.items()}, GRADIENT)
        optimiser.step()
        averages = {
            "codebook": task.exported.codebook, "cluster_size": task.averages.cluster_size
        }  # fmt: skip
        for name, value in averages.items():
            expected = recording.outputs[f"{name}.{update + 1}"]
            assert_within(value, expected, PARAMETER * max(1, peak(expected)), name)
        assert_values(recording, f"after{update + 1}.", names, PARAMETER)


def assert_values(recording, prefix, found, relative) -> None:
    for key, expected in recording.outputs.items():
        if key.startswith(prefix):
            unit = UNITS * recorded_unit(recording, key)
            size = peak(expected) if prefix == "grad." else max(1, peak(expected))
            name = ours(key.removeprefix(prefix))
            assert_within(found[name], expected, max(relative * size, unit), key)


def test_a_run_writes_a_vae_that_the_gpt_can_be_trained_with(tmp_path: Path) -> None:
    tables = recipe_tables(tmp_path)
    tables["loss"]["part"] = "dvae"
    tables["data"]["min_s"] = 1.2  # longer than a crop
    before = read_dvae(tmp_path / "dvae.safetensors")
    assert main(["train", str(write_recipe(tmp_path, tables)), "--device", "cpu"]) == 0
    assert {"reconstruction", "commitment"} <= set(records(tmp_path / "run", "train")[0])
    after = read_dvae(tmp_path / "run" / "export" / "dvae.safetensors")
    assert not torch.equal(before.codebook, after.codebook)
    mel = torch.randn(1, 80, 40)
    assert after.encode(mel).shape == (1, 10)
