"""A moving average of a module's weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

POWER = -2 / 3
"""Of the published law (ema-pytorch's default), whose decay is 1 - n^(-2/3)."""


class Ema:
    """Follows the trained parameters of `module`; buffers are copied, frozen parameters left out.

    The average begins anew in every run, so a fine-tune's is of what was learned in it. `decay` is
    reached gradually, so that the average does not remember the start: by law `ramp` the n-th
    update uses min(decay, (1 + n) / (10 + n)), by `power`, the law of F5-TTS, min(decay,
    1 - (n - start)^(-2/3)). Only every `every`-th update moves it; until update `start` it copies.
    """

    def __init__(
        self, module: nn.Module, decay: float, law: str = "ramp", every: int = 1, start: int = 0
    ) -> None:
        self.module, self.decay = module, decay
        self.law, self.every, self.start = law, every, start
        self.updates = 0
        self.values = {k: v.detach().clone() for k, v in self._followed().items()}

    @torch.no_grad()
    def update(self) -> None:
        self.updates += 1
        decay = self._decay()
        moving = (self.updates - (self.law == "power")) % self.every == 0
        for name, value in self._followed().items():
            if not isinstance(value, nn.Parameter) or (moving and decay == 0):
                self.values[name].copy_(value)
            elif moving:
                self.values[name].lerp_(value, 1 - decay)

    def _decay(self) -> float:
        n = self.updates - self.start
        if self.law == "ramp":
            return min(self.decay, (1 + self.updates) / (10 + self.updates)) if n > 0 else 0.0
        # update_after_step counts from 0 in the published trainer, the decay from 1
        return min(self.decay, 1 - float(n) ** POWER) if n > 1 else 0.0

    def _followed(self) -> dict[str, Tensor]:
        """Trained parameters and saved buffers, by the names that a checkpoint has."""
        saved = self.module.state_dict().keys()
        found: dict[str, Tensor] = {
            k: p for k, p in self.module.named_parameters(remove_duplicate=False) if p.requires_grad
        }
        found |= {k: b for k, b in self.module.named_buffers() if k in saved}
        return {k: found[k] for k in saved if k in found}

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The module has the averaged weights inside, its own again afterwards. Copies nothing."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    def _exchange(self) -> None:
        done = set[int]()
        for name, own in self._followed().items():
            if id(own) in done:  # one tensor under two names
                continue
            done.add(id(own))
            own.data, self.values[name] = self.values[name], own.data

    def load(self, values: Mapping[str, Tensor], updates: int) -> None:
        self.updates = updates
        for name, mine in self.values.items():
            mine.copy_(values[name])
