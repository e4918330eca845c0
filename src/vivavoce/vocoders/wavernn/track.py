"""Values that lie further apart than samples, and what they are at any sample."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class SampleTrack:
    """Values `[N, C]`: `steps` of them pass in `samples` samples, the first `skipped` left out.

    A value is held until the next one, or with `line` there is a straight line between them. Places
    are counted in whole numbers: float32 would be off after some seconds.
    """

    values: Tensor
    steps: int = 1
    samples: int = 1
    skipped: int = 0
    line: bool = False

    def at(self, samples: Tensor) -> Tensor:
        """Numbers of samples `[F, n]` to `[F, n, C]`."""
        passed, last = (samples + self.skipped) * self.steps, len(self.values) - 1
        left = passed.div(self.samples, rounding_mode="floor").clamp(max=last)
        found = self.values[left]
        if not self.line:
            return found
        share = (passed - left * self.samples).to(found.dtype).unsqueeze(-1) / self.samples
        return torch.lerp(found, self.values[(left + 1).clamp(max=last)], share)


def between(frames: Tensor, n_samples: int, skipped: int) -> SampleTrack:
    """Frames `[N, C]` over `n_samples`, the first at the first and the last at the last of them."""
    return SampleTrack(frames, len(frames) - 1, max(1, n_samples - 1), skipped, line=True)
