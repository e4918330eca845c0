"""The mel that XTTS' encoders read: the front end's, over the checkpoint's statistics."""

from __future__ import annotations

from torch import Tensor

from vivavoce.audio.features import extract
from vivavoce.types import FeatureSpec


def scaled_mel(samples: Tensor, spec: FeatureSpec, mel_stats: Tensor) -> Tensor:
    """`[B, S]` at the spec's rate as `[B, M, T]`, each band divided by its `mel_stats` `[M]`.

    On the CPU, wherever the arguments are: some devices have no complex transform. `spec` is one
    of XTTS_COND_V2, XTTS_COND_V1 and DVAE_22K. Raises AudioError for too few samples for a frame.
    """
    return extract(samples.float().cpu(), spec) / mel_stats.float().cpu()[:, None]
