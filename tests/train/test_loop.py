from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator

import pytest
import torch

from tests.tolerance import assert_near
from vivavoce.errors import ConfigError, TrainingError
from vivavoce.train.distributed import Group
from vivavoce.train.loop import Trainer
from vivavoce.train.recipe import Recipe
from vivavoce.train.run import assemble
from vivavoce.types import no_progress

Make = Callable[..., Trainer]


@pytest.fixture
def make(toy_recipe: Callable[..., Recipe]) -> Iterator[Make]:
    made: list[Trainer] = []

    def build(*overrides: str) -> Trainer:
        trainer, _ = assemble(toy_recipe(*overrides), "cpu", Group(), no_progress)
        trainer.start()
        made.append(trainer)
        return trainer

    yield build
    for trainer in made:
        trainer.close()


def weights(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {k: v.clone() for k, v in trainer.tensors().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> set[str]:
    return {k for k in one if torch.equal(one[k], other[k])}


def test_a_step_that_is_not_finite_changes_nothing_but_the_count(make, caplog):
    trainer = make("model.nan_steps=[1]")
    trainer.step()
    before = weights(trainer)
    with caplog.at_level(logging.WARNING):
        trainer.step()
    assert same(before, weights(trainer)) == set(before)
    assert (trainer.state.step, trainer.state.skipped) == (2, 1)
    assert "Step 1" in caplog.text
    trainer.step()
    assert trainer.state.skipped_in_a_row == 0
    assert trainer.state.skipped == 1
    assert "task/exported.table.weight" not in same(before, weights(trainer))
    assert math.isfinite(trainer.meter.take()["loss"])


def test_too_many_in_a_row_stop_the_run(make):
    trainer = make("model.nan_steps=[1,3,4,5]", "loop.nan_limit=3")
    for _ in range(5):
        trainer.step()
    with pytest.raises(TrainingError, match="3 steps in a row"):
        trainer.step()


def test_a_phase_moves_its_own_part_alone(make):
    trainer = make("model.kind=two")
    seen: dict[str, set[str]] = {}
    for phase in trainer.task.phases:
        before = weights(trainer)
        batch = trainer.data.batch(trainer.data.train[:4], (0, 0, 0))
        trainer.task.phases = (phase,)
        trainer.update([batch])
        moved = {k.split(".")[0] for k in before if k.startswith("task/")} - {
            k.split(".")[0] for k in same(before, weights(trainer))
        }
        seen[phase] = moved
        assert all(p.requires_grad for p in trainer.task.parameters())
    assert seen == {"critic": {"task/critic"}, "generator": {"task/exported"}}


def test_accumulated_gradients_are_those_of_the_whole_batch(make):
    whole, halves = make("model.dropout=0.0"), make("model.dropout=0.0")
    data = whole.data
    whole.update([data.batch(data.train[:4], None)])
    halves.update([data.batch(data.train[:2], None), data.batch(data.train[2:4], None)])
    for name, value in whole.task.state_dict().items():
        assert_near(value, halves.task.state_dict()[name])


def test_counted_losses_of_unequal_batches_are_those_of_all_rows(make):
    """Three rows and one: a mean of means would count the one three times."""
    whole, parts = (make("model.kind=counted", "model.dropout=0.0") for _ in range(2))
    data = whole.data
    whole.update([data.batch(data.train[:4], None)])
    parts.state.parts = 2
    parts.update([data.batch(data.train[:3], None), data.batch(data.train[3:4], None)])
    for name, value in whole.task.state_dict().items():
        assert_near(value, parts.task.state_dict()[name])
    one, other = whole.meter.take(), parts.meter.take()
    assert one["loss"] == pytest.approx(other["loss"], rel=1e-5)
    assert one["error"] == pytest.approx(one["loss"], rel=1e-5)


def test_memory_that_runs_out_elsewhere_is_an_error_with_advice(make, monkeypatch):
    trainer = make()

    def full() -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(trainer.optimisers["model"], "step", full)
    with pytest.raises(TrainingError, match="memory of cpu ran out at step 0"):
        trainer.step()


def test_it_learns(make):
    """Ten utterances by heart, dropout off."""
    trainer = make("optim.steps=120", "optim.lr=0.05", "model.dropout=0.0")
    losses = []
    for _ in range(6):
        for _ in range(20):
            trainer.step()
        losses.append(trainer.meter.take()["loss"])
    assert losses[-1] < 0.02 * losses[0]


def test_validation_uses_the_average_and_leaves_no_trace(make):
    trainer, other = make(), make()
    for _ in range(4):
        trainer.step()
        other.step()
    before = weights(trainer)
    with trainer.evaluation():
        assert torch.equal(trainer.task.exported.table.weight, before["ema/table.weight"])
        assert not trainer.task.training
    trainer.validate()
    list(trainer.samples())
    assert same(before, weights(trainer)) == set(before)
    trainer.step()
    other.step()
    assert same(weights(trainer), weights(other)) == set(before)


def test_low_precision_computes_in_it_and_keeps_full_weights(make):
    trainer = make("loop.precision=bfloat16")
    kinds = []
    trainer.task.exported.net[0].register_forward_hook(lambda m, i, out: kinds.append(out.dtype))
    trainer.step()
    assert kinds == [torch.bfloat16]
    assert {v.dtype for v in trainer.tensors().values()} == {torch.float32}


def test_rates_follow_the_recipe(make):
    trainer = make("optim.lr=0.3", "optim.warmup_steps=3")
    assert trainer.rates() == {"lr": pytest.approx(0.1)}
    trainer.step()
    assert trainer.rates() == {"lr": pytest.approx(0.2)}
    assert trainer.optimisers["model"].param_groups[0]["lr"] == pytest.approx(0.1)


def test_a_checkpoint_of_another_model_is_refused(make):
    one, two = make(), make("model.kind=two")
    with pytest.raises(TrainingError, match="does not fit"):
        two.load(one.tensors(), one.plain())


def test_changed_data_begin_a_new_epoch(make):
    one, other = make(), make("data.validation=2")
    one.step()
    assert not other.load(one.tensors(), one.plain())
    assert (other.state.position.epoch, other.state.position.index) == (1, 0)
    assert one.load(one.tensors(), one.plain())


def test_phases_that_the_family_lacks_are_refused(make):
    with pytest.raises(ConfigError, match=r"optim\.phases\.critic"):
        make("optim.phases.critic.lr=1.0")
