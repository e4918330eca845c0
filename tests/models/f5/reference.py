"""Recorded F5 and E2 models as ours: the reference's names and settings -> a backbone."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor

from vivavoce.models.f5.backbone import Backbone
from vivavoce.models.f5.config import F5Config
from vivavoce.models.f5.dit import DiT
from vivavoce.models.f5.unett import UNetT

RENAMES = (
    (r"^time_embed\.time_mlp\.0\.", "time.expand."),
    (r"^time_embed\.time_mlp\.2\.", "time.contract."),
    (r"^text_embed\.text_embed\.", "text.embedding."),
    (r"^text_embed\.text_blocks\.(\d+)\.dwconv\.", r"text.blocks.\1.depthwise."),
    (r"^text_embed\.text_blocks\.(\d+)\.pwconv1\.", r"text.blocks.\1.expand."),
    (r"^text_embed\.text_blocks\.(\d+)\.pwconv2\.", r"text.blocks.\1.contract."),
    (r"^text_embed\.text_blocks\.(\d+)\.grn\.", r"text.blocks.\1.response."),
    (r"^text_embed\.text_blocks\.(\d+)\.norm\.", r"text.blocks.\1.norm."),
    (r"^input_embed\.proj\.", "input.projection."),
    (r"^input_embed\.conv_pos_embed\.conv1d\.0\.", "input.position.0."),
    (r"^input_embed\.conv_pos_embed\.conv1d\.2\.", "input.position.1."),
    (r"^transformer_blocks\.(\d+)\.attn_norm\.linear\.", r"blocks.\1.modulation."),
    (r"^transformer_blocks\.(\d+)\.attn\.", r"blocks.\1.attention."),
    (r"^transformer_blocks\.(\d+)\.ff\.", r"blocks.\1.feed_forward."),
    (r"^layers\.(\d+)\.0\.", r"blocks.\1.skip."),
    (r"^layers\.(\d+)\.1\.g$", r"blocks.\1.attention_norm.weight"),
    (r"^layers\.(\d+)\.2\.", r"blocks.\1.attention."),
    (r"^layers\.(\d+)\.3\.g$", r"blocks.\1.feed_forward_norm.weight"),
    (r"^layers\.(\d+)\.4\.", r"blocks.\1.feed_forward."),
    (r"\.attention\.to_q\.", ".attention.query."),
    (r"\.attention\.to_k\.", ".attention.key."),
    (r"\.attention\.to_v\.", ".attention.value."),
    (r"\.attention\.to_out\.0\.", ".attention.output."),
    (r"\.attention\.q_norm\.", ".attention.query_norm."),
    (r"\.attention\.k_norm\.", ".attention.key_norm."),
    (r"\.feed_forward\.ff\.0\.0\.", ".feed_forward.expand."),
    (r"\.feed_forward\.ff\.2\.", ".feed_forward.contract."),
    (r"^long_skip_connection\.", "skip."),
    (r"^norm_out\.linear\.", "modulation."),
    (r"^norm_out\.g$", "norm.weight"),
    (r"^proj_out\.", "output."),
)


def backbone_of(meta: dict[str, Any], weights: dict[str, Tensor]) -> Backbone:
    """The recorded architecture with its weights, in evaluation mode."""
    config = config_of(meta)
    model = UNetT(config) if config.backbone == "unett" else DiT(config)
    ours = {}
    for key, tensor in weights.items():
        name = key.removeprefix("transformer.")
        if name.startswith(("rotary_embed.", "mel_spec.")) or "freqs_cis" in name:
            continue
        for pattern, replacement in RENAMES:
            name = re.sub(pattern, replacement, name)
        ours[name] = tensor.flatten() if ".response." in name else tensor
    model.load_state_dict(ours)
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


def evaluate(model: Backbone, x: Tensor, context: Any, time: Tensor) -> Tensor:
    """The flow at one point in time per row, or one for all."""
    with torch.inference_mode():
        schedule = model.schedule(time.reshape(-1))
        if time.dim() == 0:
            return model(x, [entry[0] for entry in schedule], context)
        return model(x, schedule, context)
