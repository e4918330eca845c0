"""A moving average of a module's weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Ema:
    """Follows the parameters of `module`; buffers are copied.

    `decay` is reached gradually: the n-th update uses min(decay, (1 + n) / (10 + n)), so that the
    average does not remember the random start.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.module = module
        self.decay = decay
        self.updates = 0
        self.values = {k: v.detach().clone() for k, v in module.state_dict().items()}
        self._parameters = {k for k, _ in module.named_parameters(remove_duplicate=False)}

    @torch.no_grad()
    def update(self) -> None:
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        for name, value in self.module.state_dict().items():
            if name in self._parameters:
                self.values[name].lerp_(value, 1 - decay)
            else:
                self.values[name].copy_(value)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The module has the averaged weights inside, its own again afterwards."""
        own = {k: v.detach().clone() for k, v in self.module.state_dict().items()}
        self.module.load_state_dict(self.values)
        try:
            yield
        finally:
            self.module.load_state_dict(own)

    def load(self, values: Mapping[str, Tensor], updates: int) -> None:
        self.updates = updates
        for name, mine in self.values.items():
            mine.copy_(values[name])
