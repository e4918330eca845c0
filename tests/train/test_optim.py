from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn

from vivavoce.train import optim
from vivavoce.train.recipe import PhaseOptim


def rates(steps: int = 100, **values: object) -> list[float]:
    config = PhaseOptim(lr=2.0, **values)  # type: ignore[arg-type]
    return [optim.rate(config, step, steps) for step in range(steps)]


def test_warm_up_is_linear_and_reaches_the_rate():
    found = rates(warmup_steps=10)
    assert found[:10] == pytest.approx([0.2 * n for n in range(1, 11)])
    assert set(found[10:]) == {2.0}


@pytest.mark.parametrize("schedule", ["cosine", "exponential"])
def test_falling_schedules_end_at_their_final_part(schedule):
    found = rates(schedule=schedule, warmup_steps=5, final=0.1)
    assert found[5] == pytest.approx(2.0)
    assert found[-1] == pytest.approx(0.2)
    assert all(a > b for a, b in pairwise(found[5:]))


def test_cosine_is_half_way_in_the_middle_and_exponential_is_geometric():
    assert rates(101, schedule="cosine", final=0.5)[50] == pytest.approx(1.5)
    assert rates(101, schedule="exponential", final=0.25)[50] == pytest.approx(1.0)


def test_noam_peaks_at_the_rate_and_falls_with_the_root():
    found = rates(401, schedule="noam", warmup_steps=100)
    assert max(found) == pytest.approx(2.0)
    assert found[399] == pytest.approx(1.0)


def test_past_the_last_step_the_rate_stays():
    config = PhaseOptim(lr=1.0, schedule="cosine", final=0.1)
    assert optim.rate(config, 500, 100) == pytest.approx(0.1)


@pytest.mark.parametrize("name", ["adamw", "radam", "adafactor"])
def test_state_survives_exactly(name):
    def steps(model: nn.Module, optimiser: torch.optim.Optimizer, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        for _ in range(8):
            optimiser.zero_grad()
            model(torch.randn(4, 3, generator=generator)).square().sum().backward()
            optimiser.step()

    config = PhaseOptim(name=name, weight_decay=0.1)
    torch.manual_seed(0)
    one, other = nn.Linear(3, 2), nn.Linear(3, 2)
    first = optim.build(config, dict(one.named_parameters()))
    steps(one, first, 1)
    other.load_state_dict(one.state_dict())
    second = optim.build(config, dict(other.named_parameters()))
    saved = {
        k: v.clone() for k, v in optim.state_tensors(first, dict(one.named_parameters())).items()
    }
    assert "weight/step" in saved
    kept = sum(v.numel() for k, v in saved.items() if not k.endswith("step"))
    assert kept == {"adafactor": 3 + 2 + 2}.get(name, 2 * (6 + 2))
    optim.load_state(second, dict(other.named_parameters()), saved)
    steps(one, first, 2)
    steps(other, second, 2)
    assert torch.equal(one.weight, other.weight)
    assert torch.equal(one.bias, other.bias)


def test_a_task_may_have_everything_decay():
    layer = nn.Linear(3, 2)
    names = dict(layer.named_parameters())
    groups = optim.build(PhaseOptim(weight_decay=0.5), names, lambda name, p: True).param_groups
    assert [(len(g["params"]), g["weight_decay"]) for g in groups] == [(2, 0.5)]


def test_decay_spares_biases():
    layer = nn.Linear(3, 2)
    nn.init.ones_(layer.weight)
    nn.init.ones_(layer.bias)
    optimiser = optim.build(PhaseOptim(lr=0.1, weight_decay=0.5), dict(layer.named_parameters()))
    layer.weight.grad, layer.bias.grad = torch.zeros(2, 3), torch.zeros(2)
    optimiser.step()
    assert layer.weight[0, 0].item() == pytest.approx(0.95)
    assert layer.bias.tolist() == [1.0, 1.0]


def test_clip_returns_the_norm_before():
    parameter = nn.Parameter(torch.zeros(2))
    parameter.grad = torch.tensor([3.0, 4.0])
    assert optim.clip([parameter], 0.0).item() == 5.0
    assert parameter.grad.tolist() == [3.0, 4.0]
    assert optim.clip([parameter], 1.0).item() == 5.0
    assert parameter.grad.norm().item() == pytest.approx(1.0, rel=1e-4)
