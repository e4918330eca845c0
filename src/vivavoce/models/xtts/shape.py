"""What the backward pass of an XTTS training keeps, by its sizes. Knows no tensors."""

from __future__ import annotations

from vivavoce.models.xtts.config import XttsConfig
from vivavoce.nn.task import ActivationShape

FLOAT, HALF = 4, 2
MLP = 4
BLOCK = 8 + 2 * MLP
"""Times the width, per position and block, as counted from what autograd saves."""
LOWER = 9.5
"""The same in bfloat16 autocast, in units of float32."""
CONDITION = 9.0
"""Times the width, per frame of a crop and block of the conditioning encoder, about."""
TOKENS_PER_SECOND = 10.0
HOP = 256


def activations(config: XttsConfig, dropout: float, prompt_s: float) -> ActivationShape:
    width = config.width
    masks = 2 * width if dropout else 0
    frames = prompt_s * config.input_rate / HOP
    heard = frames * (CONDITION * width * FLOAT + FLOAT * config.heads * frames)
    positions = config.n_latents * config.depth * FLOAT * (BLOCK * width + masks)
    return ActivationShape(
        blocks=config.depth,
        block=FLOAT * (BLOCK * width + masks),
        boundary=FLOAT * width,
        outside=FLOAT * (6 * width + 2 * config.code_tokens),
        scores=FLOAT * config.heads * (2 if dropout else 1),
        lower=FLOAT * LOWER * width + HALF * masks,
        lower_weights=HALF * 12 * width * width,
        positions_per_second=config.code_rate + TOKENS_PER_SECOND,
        row=heard * config.condition_blocks + positions,
    )
