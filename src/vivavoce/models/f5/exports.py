"""An F5 or E2 as the published program's files: its names for our tensors, its settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vivavoce import files
from vivavoce.checkpoints import safetensors_file
from vivavoce.checkpoints.remap import renamed
from vivavoce.config import from_dict
from vivavoce.models.f5.config import F5Config
from vivavoce.models.f5.importer import front_end
from vivavoce.models.f5.text import F5TextConfig
from vivavoce.runtime.rotary import BASE
from vivavoce.types import FeatureSpec

PREFIX = "transformer."
AVERAGE = "ema_model."
"""Before the names of the weights that the published program speaks with."""

_COMMON = (
    (r"^time\.expand\.", "time_embed.time_mlp.0."),
    (r"^time\.contract\.", "time_embed.time_mlp.2."),
    (r"^text\.embedding\.", "text_embed.text_embed."),
    (r"^text\.blocks\.(\d+)\.depthwise\.", r"text_embed.text_blocks.\1.dwconv."),
    (r"^text\.blocks\.(\d+)\.expand\.", r"text_embed.text_blocks.\1.pwconv1."),
    (r"^text\.blocks\.(\d+)\.contract\.", r"text_embed.text_blocks.\1.pwconv2."),
    (r"^text\.blocks\.(\d+)\.response\.", r"text_embed.text_blocks.\1.grn."),
    (r"^text\.blocks\.(\d+)\.norm\.", r"text_embed.text_blocks.\1.norm."),
    (r"^input\.projection\.", "input_embed.proj."),
    (r"^input\.position\.0\.", "input_embed.conv_pos_embed.conv1d.0."),
    (r"^input\.position\.1\.", "input_embed.conv_pos_embed.conv1d.2."),
    (r"(^blocks\.\d+)\.attention\.query\.", r"\1.attention.to_q."),
    (r"(^blocks\.\d+)\.attention\.key\.", r"\1.attention.to_k."),
    (r"(^blocks\.\d+)\.attention\.value\.", r"\1.attention.to_v."),
    (r"(^blocks\.\d+)\.attention\.output\.", r"\1.attention.to_out.0."),
    (r"(^blocks\.\d+)\.attention\.query_norm\.", r"\1.attention.q_norm."),
    (r"(^blocks\.\d+)\.attention\.key_norm\.", r"\1.attention.k_norm."),
    (r"(^blocks\.\d+)\.feed_forward\.expand\.", r"\1.feed_forward.ff.0.0."),
    (r"(^blocks\.\d+)\.feed_forward\.contract\.", r"\1.feed_forward.ff.2."),
    (r"^skip\.", "long_skip_connection."),
    (r"^modulation\.", "norm_out.linear."),
    (r"^norm\.weight$", "norm_out.g"),
    (r"^output\.", "proj_out."),
)
_BLOCKS = {
    "dit": (
        (r"^blocks\.(\d+)\.modulation\.", r"transformer_blocks.\1.attn_norm.linear."),
        (r"^blocks\.(\d+)\.attention\.", r"transformer_blocks.\1.attn."),
        (r"^blocks\.(\d+)\.feed_forward\.", r"transformer_blocks.\1.ff."),
    ),
    "unett": (
        (r"^blocks\.(\d+)\.skip\.", r"layers.\1.0."),
        (r"^blocks\.(\d+)\.attention_norm\.weight$", r"layers.\1.1.g"),
        (r"^blocks\.(\d+)\.attention\.", r"layers.\1.2."),
        (r"^blocks\.(\d+)\.feed_forward_norm\.weight$", r"layers.\1.3.g"),
        (r"^blocks\.(\d+)\.feed_forward\.", r"layers.\1.4."),
    ),
}


def published_name(name: str, backbone: str) -> str:
    """The name of one of our tensors in the published program, `transformer.` included."""
    short = renamed(name.removeprefix("backbone."), (*_COMMON, *_BLOCKS[backbone]))
    return f"{PREFIX}{short}"


def to_published(
    manifest: Mapping[str, Any], tensors: Mapping[str, Tensor], target: Path
) -> list[Path]:
    """The weights as `target` (safetensors), its vocabulary and its configuration beside it."""
    config = from_dict(F5Config, manifest["config"], "config")
    named: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        value = tensor.view(1, 1, -1) if ".response." in name else tensor
        named[f"{AVERAGE}{published_name(name, config.backbone)}"] = value.contiguous()
    places = torch.arange(0, config.head_dim, 2).float() / config.head_dim
    named[f"{AVERAGE}{PREFIX}rotary_embed.inv_freq"] = 1.0 / BASE**places
    safetensors_file.save(target, named)
    beside = target.with_suffix(".yaml")
    settings = published_settings(manifest, config)
    files.write_text(beside, json.dumps(settings, indent=2, ensure_ascii=False) + "\n")
    text = from_dict(F5TextConfig, manifest["text"], "text")
    vocabulary = target.with_suffix(".txt")
    files.write_text(vocabulary, "".join(f"{token}\n" for token in text.vocabulary))
    return [target, beside, vocabulary]


def published_settings(manifest: Mapping[str, Any], config: F5Config) -> dict[str, Any]:
    """What the published program reads from its YAML, of which JSON is a part."""
    spec = from_dict(FeatureSpec, manifest["features"], "features")
    arch: dict[str, Any] = {
        "dim": config.dim,
        "depth": config.depth,
        "heads": config.heads,
        "dim_head": config.head_dim,
        "ff_mult": config.ff_mult,
        "text_mask_padding": config.mask_text,
        "pe_attn_head": config.rotary_heads or None,
    }
    if config.backbone == "dit":
        arch |= {"text_dim": config.text_dim, "conv_layers": config.text_layers}
        arch |= {"qk_norm": "rms_norm" if config.qk_norm else None}
        arch |= {"long_skip_connection": config.long_skip}
        arch |= {"text_embedding_average_upsampling": config.stretch_text}
    else:
        arch |= {"skip_connect_type": config.skip}
    mel = {
        "target_sample_rate": spec.sample_rate,
        "n_mel_channels": spec.n_mels,
        "hop_length": spec.hop_length,
        "win_length": spec.win_length,
        "n_fft": spec.n_fft,
        "mel_spec_type": front_end(spec),
    }
    kind = {"pinyin": "pinyin", "characters": "char", "bytes": "byte"}
    model = {
        "name": manifest["name"],
        "backbone": "DiT" if config.backbone == "dit" else "UNetT",
        "tokenizer": kind[manifest["text"].get("kind", "pinyin")],
        "arch": arch,
        "mel_spec": mel,
    }
    return {"model": model}
