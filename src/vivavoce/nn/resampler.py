"""States of the GPT, one a code, spread over the frames that the decoder of speech reads.

As the reference does it: straight lines between states, twice, each time with its own rate. Knows
no models. Shapes: W width, K codes, T frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor

from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class LatentResampler:
    """The factors, in order, by which time becomes finer: speed, codes to frames, sample rates."""

    factors: tuple[float, ...]

    @staticmethod
    def of(
        code_samples: int, hop_length: int, rates: tuple[int, int], speed: float
    ) -> LatentResampler:
        """`rates` are those of the codes and of the frames, Hz; `speed` 1.0 is natural."""
        inwards, outwards = rates
        finer = (code_samples / hop_length, outwards / inwards if inwards != outwards else 1.0)
        return LatentResampler(tuple(f for f in (1.0 / speed, *finer) if f != 1.0))

    def frames(self, latents: Tensor) -> Tensor:
        """`[1, W, K]` to `[1, W, T]`."""
        for factor in self.factors:
            if latents.shape[-1] * factor < 1:  # a code or two at high speed are one at least
                latents = latents[..., :1]
            else:
                latents = F.interpolate(latents, scale_factor=factor, mode="linear")
        return latents

    def length(self, n_codes: int) -> int:
        """T of so many codes."""
        for factor in self.factors:
            n_codes = max(1, floor(n_codes * factor))
        return n_codes

    def settled(self, n_codes: int) -> int:
        """How many frames stay as they are when codes follow: those between two known states.

        None while a stage is so short that it gives as many as it gets: then it only copies.
        """
        for factor in self.factors:
            if floor(n_codes * factor) == n_codes:
                return 0
            n_codes = max(0, floor((n_codes - 0.5) * factor - 0.5))
        return n_codes
