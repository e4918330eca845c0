"""Codes that a text was said in, made ready for the networks behind the GPT.

The encoder of the codes left silence, and an end of its own, behind every recording; the GPT
stops with a stop code. Those networks expect the silence. Shapes: K codes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

CALM = 83
"""The code of silence."""
END = (45, 45, 248)
MOST_CODES = 500
"""Of a take, and as many codes are compared with the text, silence included."""
BREATH = 8
"""Codes of silence that the diffusion is given at most, before what is behind them is cut off."""


@dataclass(frozen=True)
class Take:
    """Codes without the stop code, and whether that came."""

    codes: tuple[int, ...]
    stopped: bool

    def filled(self, length: int) -> Tensor:
        """`[length]`: the codes, then silence and the end."""
        out = torch.full((length,), CALM)
        out[: len(self.codes)] = torch.tensor(self.codes[:length], dtype=torch.long)
        if len(self.codes) < length or self.stopped:
            out[-len(END) :] = torch.tensor(END)
        return out


def spoken(codes: Tensor) -> Tensor:
    """Filled codes `[K]` up to the first long silence."""
    calm = 0
    for place, code in enumerate(codes.tolist()):
        calm = calm + 1 if code == CALM else 0
        if calm > BREATH:
            return codes[:place]
    return codes
