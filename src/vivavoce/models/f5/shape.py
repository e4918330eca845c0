"""What the backward pass of an F5 or E2 keeps, by its sizes.

The numbers of values per position were counted from the tensors that autograd saves, and a test
counts them again; D is the width, m the feed-forward's factor.
"""

from __future__ import annotations

from vivavoce.models.f5.config import F5Config
from vivavoce.nn.task import ActivationShape
from vivavoce.types import FeatureSpec

FLOAT, HALF = 4, 2
BLOCK = {"dit": 12.0, "unett": 11.2}
"""Times D, beside the feed-forward's 2 m D."""
LOWER = 7.1
"""Times D in bfloat16 autocast, in units of float32, beside the feed-forward's m D."""
TEXT_LAYER, WIDTHS, MELS = 11.0, 7.0, 4.0
"""Times the text's width for each of its layers, times D, and times the mel bands."""


def activations(config: F5Config, spec: FeatureSpec, dropout: float) -> ActivationShape:
    dim, mult = config.dim, config.ff_mult
    masks = (1 + mult) * dim if dropout else 0
    modulation = 6 if config.backbone == "dit" else 1
    weights = (modulation + 4 + 2 * mult) * dim * dim
    text = (TEXT_LAYER * config.text_layers + 1) * config.text_dim
    return ActivationShape(
        blocks=config.depth,
        block=FLOAT * ((BLOCK[config.backbone] + 2 * mult) * dim + masks),
        boundary=FLOAT * dim,
        outside=FLOAT * (text + WIDTHS * dim + MELS * config.n_mels),
        scores=0.0,  # in training attention keeps them nowhere (runtime/attention.py)
        lower=FLOAT * (LOWER + mult) * dim + HALF * masks,
        lower_weights=HALF * weights,
        positions_per_second=spec.frame_rate,
    )
