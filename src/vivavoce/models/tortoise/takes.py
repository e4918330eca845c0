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
CODES_PER_TOKEN = (0.6, 8.0)
"""Speech has 2 to 5; what is far outside has lost its text, or does not find its end."""
SPARE_CODES = 65


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

    def problem(self, n_tokens: int, code_rate: float, asked: bool) -> str:
        """What went wrong; empty where nothing. `asked`: its length was a wish."""
        seconds = len(self.codes) / code_rate
        if not self.stopped:
            if asked:
                return ""
            return f"Generation reached its length limit ({seconds:.1f} s) without a stop token"
        if len(self.codes) < CODES_PER_TOKEN[0] * n_tokens - 2:
            return f"Generation stopped after {seconds:.1f} s; the text is probably truncated"
        return ""


def spoken(codes: Tensor) -> Tensor:
    """Filled codes `[K]` up to the first long silence."""
    calm = 0
    for place, code in enumerate(codes.tolist()):
        calm = calm + 1 if code == CALM else 0
        if calm > BREATH:
            return codes[:place]
    return codes
