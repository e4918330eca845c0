"""Values that lie further apart than samples, and what they are at any sample."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Track:
    """Values `[N, C]`, a new one every `every` samples; sample 0 has number `first`.

    A value is held until the next one, or with `line` there is a straight line between them.
    """

    values: Tensor
    every: float = 1.0
    first: float = 0.0
    line: bool = False

    def at(self, samples: Tensor) -> Tensor:
        """Samples `[F, n]`, numbers on the CPU, to `[F, n, C]`."""
        place = samples.double() / self.every + self.first  # float64: float32 is off after seconds
        last = len(self.values) - 1
        left = place.long().clamp(max=last)
        device = self.values.device
        found = self.values[left.to(device)]
        if not self.line:
            return found
        share = (place - left).to(self.values.dtype).to(device).unsqueeze(-1)
        return torch.lerp(found, self.values[(left + 1).clamp(max=last).to(device)], share)


def between(frames: Tensor, n_samples: int, skipped: int) -> Track:
    """Frames `[N, C]` over `n_samples`, the first at the first and the last at the last of them.

    The track begins at sample number `skipped`.
    """
    every = (n_samples - 1) / max(1, len(frames) - 1)
    return Track(frames, every, skipped / every, line=True)
