"""Checkpoints as upstream writes them, at toy size: names and shapes by hand, random numbers."""

from __future__ import annotations

import torch
from torch import Tensor

VOCABULARY = " \n" + "\n".join("abcdefghi") + "\n"  # ten tokens, the first a space


def dit(
    dim: int = 64, depth: int = 2, tokens: int = 10, qk_norm: bool = False, long_skip: bool = False
) -> dict[str, Tensor]:
    """A DiT's own state dict, without the prefixes of its wrappers."""
    shapes = common(dim, tokens, 32)
    for n in range(depth):
        block = f"transformer_blocks.{n}."
        shapes |= linear(f"{block}attn_norm.linear", 6 * dim, dim)
        shapes |= attention(f"{block}attn.", dim) | feed_forward(f"{block}ff.", dim, 2)
        if qk_norm:
            shapes |= {f"{block}attn.q_norm.weight": (64,), f"{block}attn.k_norm.weight": (64,)}
    for n in range(2):
        block = f"text_embed.text_blocks.{n}."
        shapes |= {f"{block}dwconv.weight": (32, 1, 7), f"{block}dwconv.bias": (32,)}
        shapes |= {f"{block}norm.weight": (32,), f"{block}norm.bias": (32,)}
        shapes |= {f"{block}grn.gamma": (1, 1, 64), f"{block}grn.beta": (1, 1, 64)}
        shapes |= linear(f"{block}pwconv1", 64, 32) | linear(f"{block}pwconv2", 32, 64)
    shapes |= linear("norm_out.linear", 2 * dim, dim)
    if long_skip:
        shapes["long_skip_connection.weight"] = (dim, 2 * dim)
    return numbers(shapes)


def unett(dim: int = 64, depth: int = 4, tokens: int = 10, skips: bool = True) -> dict[str, Tensor]:
    """E2's own state dict, without the prefixes of its wrappers."""
    shapes = common(dim, tokens, 100) | {"norm_out.g": (dim,)}
    for n in range(depth):
        block = f"layers.{n}."
        shapes |= {f"{block}1.g": (dim,), f"{block}3.g": (dim,)}
        shapes |= attention(f"{block}2.", dim) | feed_forward(f"{block}4.", dim, 4)
        if skips and n >= depth // 2:
            shapes[f"{block}0.weight"] = (dim, 2 * dim)
    return numbers(shapes)


def saved(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """As the exponential moving average of the whole model is saved."""
    counters = {"initted": torch.tensor(True), "step": torch.tensor(1_250_000)}
    return counters | {f"ema_model.transformer.{k}": v for k, v in tensors.items()}


def common(dim: int, tokens: int, text_dim: int) -> dict[str, tuple[int, ...]]:
    return {
        **linear("time_embed.time_mlp.0", dim, 256),
        **linear("time_embed.time_mlp.2", dim, dim),
        "text_embed.text_embed.weight": (tokens + 1, text_dim),
        **linear("input_embed.proj", dim, 200 + text_dim),
        "input_embed.conv_pos_embed.conv1d.0.weight": (dim, dim // 16, 31),
        "input_embed.conv_pos_embed.conv1d.0.bias": (dim,),
        "input_embed.conv_pos_embed.conv1d.2.weight": (dim, dim // 16, 31),
        "input_embed.conv_pos_embed.conv1d.2.bias": (dim,),
        "rotary_embed.inv_freq": (32,),
        **linear("proj_out", 100, dim),
    }


def attention(prefix: str, dim: int) -> dict[str, tuple[int, ...]]:
    parts = [linear(f"{prefix}{part}", dim, dim) for part in ("to_q", "to_k", "to_v", "to_out.0")]
    return {name: shape for part in parts for name, shape in part.items()}


def feed_forward(prefix: str, dim: int, mult: int) -> dict[str, tuple[int, ...]]:
    wide = mult * dim
    return linear(f"{prefix}ff.0.0", wide, dim) | linear(f"{prefix}ff.2", dim, wide)


def linear(name: str, out: int, into: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (out, into), f"{name}.bias": (out,)}


def numbers(shapes: dict[str, tuple[int, ...]]) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(11)
    return {name: 0.05 * torch.randn(shape, generator=generator) for name, shape in shapes.items()}
