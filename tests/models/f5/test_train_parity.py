"""Loss terms, gradients, updates and averages of F5 v1, v0 and E2 against the reference's."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from tests.conftest import Parity
from tests.models.f5.training import our_name, padded_loss, recorded_batch, recorded_task
from tests.tolerance import assert_within, peak, recorded_unit
from vivavoce.models.f5.train import F5Task
from vivavoce.nn.task import Batch
from vivavoce.train import optim
from vivavoce.train.ema import Ema
from vivavoce.train.recipe import PhaseOptim

NAMES = ("train_f5_dit_v1_tiny", "train_f5_dit_v0_tiny", "train_e2_unett_tiny")
LOSS, GRADIENT, PARAMETER = 2e-6, 2e-5, 1e-6
LR, EPS = 1e-3, 1e-8
"""Absolute, of the largest gradient, absolute: the issue's."""

pytestmark = pytest.mark.parity


@pytest.fixture(params=NAMES)
def recording(request, load_parity) -> Parity:
    return load_parity(request.param)


def one_row(batch: Batch, row: int) -> Batch:
    return {name: values[row : row + 1] for name, values in batch.items()}


def gradients(task: F5Task) -> dict[str, Tensor]:
    return {n: p.grad for n, p in task.exported.named_parameters() if p.grad is not None}


def assert_gradients(task: F5Task, recording: Parity, prefix: str) -> None:
    found = gradients(task)
    largest = max(peak(g) for g in found.values())
    named = {k: v for k, v in recording.outputs.items() if k.startswith(f"{prefix}grad.")}
    assert len(named) >= 13
    for name, expected in named.items():
        mine = found[our_name(name.removeprefix(f"{prefix}grad."))]
        assert_within(mine, expected.view_as(mine), GRADIENT * largest, name)


def norms(values: dict[str, Tensor], recording: Parity) -> Tensor:
    names = [our_name(name) for name in recording.meta["parameters"]]
    return torch.stack([values[n].norm() if n in values else torch.zeros(()) for n in names])


def test_a_batch_is_its_rows(recording):
    task, batch = recorded_task(recording), recorded_batch(recording, 0)
    for row, expected in enumerate(recording.outputs["rows.loss"]):
        alone = one_row(batch, row)
        loss, _ = task.share(alone, task.counts(alone))
        assert_within(loss, expected, LOSS, f"row {row}")
    loss, _ = task.share(batch, task.counts(batch))
    assert_within(loss, recording.outputs["rows.total"], LOSS)
    loss.backward()
    assert_gradients(task, recording, "rows.")
    expected = recording.outputs["rows.grad_norms"]
    assert_within(norms(gradients(task), recording), expected, GRADIENT * peak(expected))


@pytest.mark.parametrize(("law", "start", "every"), [("default", 100, 10), ("every1", 0, 1)])
def test_three_updates_and_the_average(recording, law, start, every):
    task = recorded_task(recording)
    config = PhaseOptim(lr=LR, betas=(0.9, 0.999), eps=EPS, weight_decay=0.01)
    names = dict(task.named_parameters())
    optimiser = optim.build(config, names, task.decayed)
    ema = Ema(task.exported, 0.9999, "power", every, start)
    slack: dict[str, Tensor] = {}
    before = {n: p.detach().clone() for n, p in task.exported.named_parameters()}
    for update in range(3):
        optimiser.zero_grad()
        loss = padded_loss(task, recorded_batch(recording, update))
        assert_within(loss, recording.outputs[f"loss.{update}"], LOSS)
        loss.backward()
        if update == 0:
            assert_gradients(task, recording, "")
        expected = recording.outputs[f"grad_norms.{update}"]
        assert_within(norms(gradients(task), recording), expected, GRADIENT * peak(expected))
        norm = optim.clip(list(names.values()), 1.0)
        assert_within(norm, recording.outputs[f"grad_norm.{update}"], GRADIENT * float(norm))
        if update == 0:
            slack = first_step_slack(task)
        optimiser.step()
        ema.update()
        if update in (0, 2):
            state = task.exported.state_dict()
            assert_values(state, before, recording, f"after{update + 1}.", update + 1, slack)
    assert_values(ema.values, before, recording, f"ema_{law}.", f"ema_{law}", {})


def first_step_slack(task: F5Task) -> dict[str, Tensor]:
    """How far each value's first step may be off when the gradients are off by `GRADIENT`.

    The step is lr g / (|g| + eps): where a gradient is as small as eps, rounding in it decides.
    Later steps keep what the first was off, and may double it.
    """
    grads = {n: p.grad for n, p in task.exported.named_parameters() if p.grad is not None}
    error = GRADIENT * max(peak(g) for g in grads.values())
    unit = 2 * LR * EPS * error
    return {n: (unit / (g.abs() + EPS) ** 2).clamp_max(2 * LR) for n, g in grads.items()}


def assert_values(
    state: Mapping[str, Tensor],
    before: Mapping[str, Tensor],
    recording: Parity,
    prefix: str,
    deltas: object,
    slack: Mapping[str, Tensor],
) -> None:
    """Named values, and how far every parameter has come."""
    named = {k: v for k, v in recording.outputs.items() if k.startswith(f"{prefix}transformer")}
    assert len(named) >= 4
    for name, expected in named.items():
        ours = our_name(name.removeprefix(prefix))
        mine, expected = state[ours], expected.view_as(state[ours])
        # AdamW divides by the root of squares that are nearly zero: where the reference itself is
        # further than that from its float64, so may we be.
        limit = max(PARAMETER, 2 * recorded_unit(recording, name))
        spare = slack.get(ours, torch.zeros(()))
        allowed = expected + (mine - expected).clamp(-spare, spare)
        assert_within(mine, allowed, limit, name)
    key = f"{prefix}delta_norms" if prefix.startswith("ema") else f"delta_norms.{deltas}"
    changes = norms({n: state[n] - v for n, v in before.items()}, recording)
    assert_within(changes, recording.outputs[key], 2e-5 * peak(recording.outputs[key]), key)


def test_the_schedule_is_the_published_one(parity_file):
    tables = json.loads(parity_file("train_f5_tables").read_text())
    for table in [*tables["schedule"], *tables["schedule_too_short"]]:
        config = PhaseOptim(lr=table["lr"], warmup_steps=table["warmup"], schedule="linear")
        found = [
            optim.rate(config, step, table["total"]) for step in range(len(table["lr_of_update"]))
        ]
        assert found == pytest.approx(table["lr_of_update"], rel=1e-6, abs=1e-13)


def test_the_average_is_the_published_one(parity_file):
    tables = json.loads(parity_file("train_f5_tables").read_text())
    layer = torch.nn.Linear(1, 1, bias=False)
    ema = Ema(layer, 0.9999, "power", 10, 100)
    found = []
    for value in range(1, 1 + len(tables["ema_of_the_ramp_1_2_3"])):
        torch.nn.init.constant_(layer.weight, float(value))
        ema.update()
        found.append(float(ema.values["weight"]))
    assert found == pytest.approx(tables["ema_of_the_ramp_1_2_3"], rel=1e-6)
    for update, decay in tables["ema_decay_at_step"].items():
        ema.updates = int(update)
        assert ema._decay() == pytest.approx(decay, rel=1e-6)
