"""What the backward pass of an XTTS training keeps, by its sizes."""

from __future__ import annotations

from vivavoce.models.xtts.config import XttsConfig
from vivavoce.nn.task import ActivationShape

FLOAT, HALF = 4, 2
MLP = 4
BLOCK = 8 + 2 * MLP
LOWER = 9.5
"""Times the width, per position and block: in float32; in bfloat16 autocast, in its units."""
OUTSIDE = 10.0
"""Times the width, per position, beside two rows of logits."""
CONDITION = 8.1
"""Times the width, per frame of a crop and block of the conditioning encoder."""
TOKENS_PER_SECOND = 10.0
LONG_S = 10.0
"""Of a clip over which the positions of the voice's latents are spread."""
HOP = 256


def activations(config: XttsConfig, dropout: float, prompt_s: float) -> ActivationShape:
    """`row` is the conditioning encoder over a crop of `prompt_s` seconds."""
    width = config.width
    masks = 2 * width if dropout else 0
    frames = prompt_s * config.input_rate / HOP
    latents = config.n_latents / LONG_S
    return ActivationShape(
        blocks=config.depth,
        block=FLOAT * (BLOCK * width + masks),
        boundary=FLOAT * width,
        outside=FLOAT * (OUTSIDE * width + 2 * config.code_tokens),
        scores=FLOAT * config.heads,
        lower=FLOAT * LOWER * width + HALF * masks,
        lower_weights=HALF * (4 + 2 * MLP) * width * width,
        positions_per_second=config.code_rate + TOKENS_PER_SECOND + latents,
        row=FLOAT * CONDITION * width * frames * config.condition_blocks,
    )
