"""Recorded F5 and E2 models as ours: the reference's names and settings -> a backbone."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vivavoce.checkpoints.remap import under
from vivavoce.models.f5 import importer as convert
from vivavoce.models.f5.backbone import F5Backbone
from vivavoce.models.f5.config import F5Config
from vivavoce.models.f5.dit import DiT
from vivavoce.models.f5.unett import UNetT


def backbone_of(meta: dict[str, Any], weights: dict[str, Tensor]) -> F5Backbone:
    """The recorded architecture with its weights, in evaluation mode."""
    config = config_of(meta)
    model = UNetT(config) if config.backbone == "unett" else DiT(config)
    ours, _ = convert.adapt({f"transformer.{k}": v for k, v in weights.items()})
    model.load_state_dict(under(ours, "backbone."))
    return model.eval().requires_grad_(False)


def config_of(meta: dict[str, Any]) -> F5Config:
    arch = meta["config"]["arch"]
    return F5Config(
        backbone=meta["config"]["backbone"].lower(),
        dim=arch["dim"],
        depth=arch["depth"],
        heads=arch["heads"],
        head_dim=arch["dim_head"],
        ff_mult=arch["ff_mult"],
        text_dim=arch.get("text_dim") or meta["config"]["mel_dim"],
        text_layers=arch.get("conv_layers", 0),
        n_tokens=meta["config"]["text_num_embeds"],
        mask_text=arch["text_mask_padding"],
        rotary_heads=arch.get("pe_attn_head") or 0,
        qk_norm=bool(arch.get("qk_norm")),
        long_skip=arch.get("long_skip_connection", False),
        stretch_text=arch.get("text_embedding_average_upsampling", False),
        skip=arch.get("skip_connect_type", "concat"),
        n_mels=meta["config"]["mel_dim"],
    )


def token_rows(text: Tensor) -> list[Tensor]:
    """Rows without their -1 padding."""
    return [row[row >= 0] for row in text]


def evaluate(model: F5Backbone, x: Tensor, context: Any, time: Tensor) -> Tensor:
    """The flow at one point in time per row, or one for all."""
    with torch.inference_mode():
        schedule = model.schedule(time.reshape(-1))
        if time.dim() == 0:
            return model(x, [entry[0] for entry in schedule], context)
        return model(x, schedule, context)
