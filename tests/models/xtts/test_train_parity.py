"""Teacher forcing against recorded updates of the reference's trainer."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tests.conftest import Parity
from tests.models.xtts.reference import _RENAMES, config_of
from tests.tolerance import UNITS, assert_within, peak, recorded_unit
from vivavoce.models.xtts.model import Xtts
from vivavoce.models.xtts.teaching import STOPS, packed
from vivavoce.models.xtts.train import XttsLoss, XttsTask
from vivavoce.train import optim
from vivavoce.train.recipe import PhaseOptim

LOSS, GRADIENT, PARAMETER = 2e-6, 2e-5, 1e-6
TURNED = re.compile(r"gpt\.blocks\.\d+\.(qkv|out|up|down)\.weight")


def our_name(recorded: str) -> str:
    if recorded.startswith("conditioning_"):
        return recorded.replace("conditioning_", "conditioning.", 1)
    for pattern, replacement in _RENAMES:
        recorded = re.sub(pattern, replacement, recorded)
    return f"gpt.{recorded}"


def ours(recorded: str, value: Tensor) -> tuple[str, Tensor]:
    name = our_name(recorded)
    return name, value.t() if TURNED.fullmatch(name) else value


@pytest.fixture
def recording(load_parity) -> Parity:
    return load_parity("train_xtts_gpt_tiny")


@pytest.fixture
def task(recording) -> XttsTask:
    config = replace(config_of(recording.meta), condition_blocks=6)
    task = XttsTask(Xtts(config), XttsLoss(dropout=0.0))
    tensors = dict(ours(k, v) for k, v in recording.weights.items())
    missing = task.exported.load_state_dict(tensors, strict=False).missing_keys
    assert all(k.startswith(("speaker_", "mel_stats")) for k in missing)
    return task.train()


def losses(task: XttsTask, recording: Parity, update: int | None) -> dict[str, Tensor]:
    """As in evaluation, or with the targets that the reference's update leaves out: it takes
    samples / 256 for places of codes, and of the last row only.
    """
    given, config = recording.inputs, task.exported.config
    n_codes = -(-given["wav_lengths"] // config.code_samples)
    hidden = None
    if update is not None:
        hidden = torch.zeros(3, 2, dtype=torch.long)
        hidden[2] = given[f"cond_idxs.{update}"][2] // 256
    width = given["text"].shape[1] + 1 + given["codes"].shape[1] + STOPS
    rows = packed(
        config, given["text"], given["text_lengths"], given["codes"], n_codes, width, hidden
    )
    latents = task.exported.conditioning(given["cond_mel"][:, 0])
    sums = task.teaching.sums(latents, rows)
    counts = {"text": (rows.text_targets >= 0).sum(), "codes": (rows.code_targets >= 0).sum()}
    return {name: value / counts[name] for name, value in sums.items()}


def total(task: XttsTask, found: dict[str, Tensor]) -> Tensor:
    return sum((task.weights[k] * v for k, v in found.items()), torch.zeros(()))


def parameters(task: XttsTask) -> dict[str, Tensor]:
    return dict(task.exported.named_parameters())


@pytest.mark.parity
def test_losses_and_gradients_without_hidden_targets(task, recording):
    found = losses(task, recording, None)
    for name, theirs in (("text", "loss_text"), ("codes", "loss_mel")):
        weighted = (task.weights[name] * found[name]).item()
        expected = recording.outputs[f"eval.{theirs}"].item()
        assert min(abs(weighted - expected), abs(found[name].item() - expected)) <= LOSS * expected
    total(task, found).backward()
    for key, value in recording.outputs.items():
        if key.startswith("eval.grad."):
            name, expected = ours(key.removeprefix("eval.grad."), value)
            limit = max(GRADIENT * peak(expected), UNITS * recorded_unit(recording, key))
            assert_within(parameters(task)[name].grad, expected, limit, key)


@pytest.mark.parity
def test_three_updates_of_the_reference(task, recording):
    given = recording.meta["optimiser"]
    config = PhaseOptim(
        lr=given["lr"], betas=given["betas"], eps=given["eps"], weight_decay=given["weight_decay"]
    )
    trained = {n: p for n, p in task.exported.named_parameters() if p.requires_grad}
    optimiser = optim.build(config, trained, task.decayed)
    sure = {n: torch.ones_like(p, dtype=torch.bool) for n, p in trained.items()}
    for update in range(3):
        optimiser.zero_grad()
        found = losses(task, recording, update)
        for name, theirs in (("text", "text"), ("codes", "mel")):
            expected = recording.outputs[f"loss.{update}.{theirs}"].item()
            assert found[name].item() == pytest.approx(expected, rel=LOSS)
        total(task, found).backward()
        for name, parameter in trained.items():
            sure[name] &= determined(parameter.grad)
        optimiser.step()
        for key, value in recording.outputs.items():
            if key.startswith(f"after{update + 1}."):
                name, expected = ours(key.removeprefix(f"after{update + 1}."), value)
                limit = PARAMETER * max(1, peak(expected))
                assert sure[name].float().mean() > 0.99
                assert_within(trained[name][sure[name]], expected[sure[name]], limit, key)


def determined(gradient: Tensor) -> Tensor:
    """Entries whose gradient is zero, or larger than what parity allows gradients to differ by.

    AdamW's first step is the gradient's sign: for the others it is a matter of rounding.
    """
    return (gradient == 0) | (gradient.abs() > GRADIENT * peak(gradient))


@pytest.mark.parity
def test_weights_decay_as_in_the_reference(task, recording):
    given = recording.meta["optimiser"]
    for decays, names in ((True, given["decayed"]), (False, given["not_decayed"])):
        for name in names:
            own = our_name(name)
            assert task.decayed(own, parameters(task)[own]) == decays, name
