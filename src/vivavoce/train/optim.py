"""Optimisers by name and learning rates as pure functions of the step."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from vivavoce.train.recipe import PhaseOptim

NOTHING = 1e-8
"""Part of the rate at the ends of the `linear` schedule, as published."""


def rate(config: PhaseOptim, step: int, steps: int) -> float:
    """The learning rate of step `step` (from 0) of `steps`.

    Linear warm-up to `lr`, then: `cosine` and `exponential` fall to `lr * final` at the last step,
    `noam` falls with the inverse square root of the step (Attention Is All You Need, section 5.3,
    scaled so that its peak is `lr`). `linear` is that of F5-TTS: from almost nothing to `lr`, and
    back to almost nothing at step `steps`.
    """
    warmup = config.warmup_steps
    if config.schedule == "linear":
        left = 1 - min(1.0, (step - warmup) / max(1, steps - warmup))
        part = step / warmup if step < warmup else left
        return config.lr * (NOTHING + (1 - NOTHING) * part)
    if step < warmup:
        return config.lr * (step + 1) / warmup
    if config.schedule == "noam":
        return config.lr * math.sqrt(warmup / (step + 1))
    progress = min(1.0, (step - warmup) / max(1, steps - 1 - warmup))
    if config.schedule == "cosine":
        return config.lr * (config.final + (1 - config.final) * _half_cosine(progress))
    if config.schedule == "exponential":
        return config.lr * config.final**progress
    return config.lr


def build(
    config: PhaseOptim,
    names: Mapping[str, nn.Parameter],
    decayed: Callable[[str, nn.Parameter], bool] = lambda name, p: p.ndim > 1,
) -> torch.optim.Optimizer:
    """The optimiser. Weight decay applies to the parameters that are `decayed`."""
    chosen = {name: decayed(name, p) for name, p in names.items()}
    parts = [[p for name, p in names.items() if chosen[name] == decays] for decays in (True, False)]
    decays = (config.weight_decay, 0.0)
    groups = [
        {"params": p, "weight_decay": d} for p, d in zip(parts, decays, strict=True) if len(p)
    ]
    if config.name == "adafactor":
        return torch.optim.Adafactor(groups, lr=config.lr)
    common = {"lr": config.lr, "betas": config.betas, "eps": config.eps}
    if config.name == "radam":
        return torch.optim.RAdam(groups, **common, decoupled_weight_decay=True)
    return torch.optim.AdamW(groups, **common, fused=True)


def set_rate(optimiser: torch.optim.Optimizer, lr: float) -> None:
    for group in optimiser.param_groups:
        group["lr"] = lr


def clip(parameters: Sequence[nn.Parameter], limit: float) -> Tensor:
    """Scale the gradients so that their common norm is at most `limit` (0 leaves them alone).

    Returns the norm before that, as a scalar tensor on the gradients' device.
    """
    norm = nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
    if limit > 0:
        nn.utils.clip_grads_with_norm_(parameters, limit, norm)
    return norm


def state_tensors(
    optimiser: torch.optim.Optimizer, names: Mapping[str, nn.Parameter]
) -> dict[str, Tensor]:
    """The optimiser's memory as `PARAMETER/KEY` -> tensor."""
    return {
        f"{name}/{key}": value
        for name, parameter in names.items()
        for key, value in optimiser.state.get(parameter, {}).items()
    }


def load_state(
    optimiser: torch.optim.Optimizer,
    names: Mapping[str, nn.Parameter],
    tensors: Mapping[str, Tensor],
) -> None:
    """Put back what `state_tensors` gave. Rates and decays stay as the recipe has them."""
    own = [p for group in optimiser.param_groups for p in group["params"]]
    numbers = {id(p): i for i, p in enumerate(own)}
    state: dict[int, dict[str, Tensor]] = {}
    for path, value in tensors.items():
        name, _, key = path.rpartition("/")
        state.setdefault(numbers[id(names[name])], {})[key] = value.clone()
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": state, "param_groups": groups})


def _half_cosine(progress: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * progress))
