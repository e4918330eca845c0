"""v0 or v1? Files of both look the same; the wrong reading of one speaks badly and without error.

The flow that a model was trained to predict (arXiv:2410.06885, eq. 2) is known for a real
recording: the reading whose prediction is nearer is the right one.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vivavoce.models.f5.backbone import F5Backbone
from vivavoce.models.f5.layers import F5Attention

READINGS = {"v1": (True, 0), "v0": (False, 1)}
TIMES = (0.3, 0.5, 0.7)
GIVEN = 0.4  # share of the recording that the model sees


def probe(backbone: F5Backbone, mel: Tensor, ids: Tensor) -> str:
    """Sets the backbone to the reading that explains the mel `[N, M]` and its ids better."""
    errors = {}
    for name in READINGS:
        read_as(backbone, name)
        errors[name] = flow_error(backbone, mel, ids)
    best = min(errors, key=lambda name: errors[name])
    read_as(backbone, best)
    return best


def read_as(backbone: F5Backbone, name: str) -> None:
    """Set both flags in which v0 and v1 differ."""
    mask_text, rotary_heads = READINGS[name]
    backbone.text.mask_text = mask_text
    for module in backbone.modules():
        if isinstance(module, F5Attention):
            module.rotary_heads = rotary_heads or module.heads


@torch.inference_mode()
def flow_error(backbone: F5Backbone, mel: Tensor, ids: Tensor) -> float:
    """Mean squared error of the predicted flow over the frames that the model was not given."""
    n_frames = len(mel)
    given = mel.clone()
    hidden = slice(int(GIVEN * n_frames), n_frames)
    given[hidden] = 0
    context = backbone.context(given[None], [ids], [n_frames])
    schedule = backbone.schedule(torch.tensor(TIMES, device=mel.device))
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(mel.shape, generator=generator).to(mel.device)
    errors = []
    for number, time in enumerate(TIMES):
        x = (1 - time) * noise + time * mel
        found = backbone(x[None], [entry[number] for entry in schedule], context)[0]
        errors.append((found - (mel - noise))[hidden].square().mean())
    return float(torch.stack(errors).mean())
