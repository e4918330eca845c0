"""Names of the GPT in the checkpoints of XTTS -> ours; Tortoise's lack the first `gpt.`."""

from __future__ import annotations

import re

from torch import Tensor

GPT_NAMES = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"^gpt\.mel_embedding\.", "gpt.code_embedding."),
        (r"^gpt\.mel_pos_embedding\.emb\.", "gpt.code_positions."),
        (r"^gpt\.text_pos_embedding\.emb\.", "gpt.text_positions."),
        (r"^gpt\.mel_head\.", "gpt.code_head."),
        (r"^gpt\.gpt\.ln_f\.", "gpt.norm."),
        (r"^gpt\.gpt\.h\.(\d+)\.ln_([12])\.", r"gpt.blocks.\1.norm\2."),
        (r"^gpt\.gpt\.h\.(\d+)\.attn\.c_attn\.", r"gpt.blocks.\1.qkv."),
        (r"^gpt\.gpt\.h\.(\d+)\.attn\.c_proj\.", r"gpt.blocks.\1.out."),
        (r"^gpt\.gpt\.h\.(\d+)\.mlp\.c_fc\.", r"gpt.blocks.\1.up."),
        (r"^gpt\.gpt\.h\.(\d+)\.mlp\.c_proj\.", r"gpt.blocks.\1.down."),
    )
)
GPT_UNUSED = r"gpt\.gpt\.(wte\.weight|h\.\d+\.attn\.(masked_)?bias)"
"""A pattern of names: a second name of the codes' embedding, and masks."""
_TURNED = re.compile(r"gpt\.gpt\.h\.\d+\.(attn|mlp)\.c_(attn|fc|proj)\.weight")


def turned(name: str, tensor: Tensor) -> Tensor:
    """A matrix that GPT-2's code keeps as [in, out], the other way round; others as they are."""
    return tensor.t() if _TURNED.fullmatch(name) and tensor.dim() == 2 else tensor
