"""The recorded toy GPT of the reference as ours. Shared by this folder's tests."""

from __future__ import annotations

import re
from typing import Any

from torch import Tensor

from vivavoce.models.xtts.config import XttsConfig
from vivavoce.nn.gpt import Gpt

_RENAMES = (
    (r"^gpt\.h\.(\d+)\.", r"blocks.\1."),
    (r"^gpt\.ln_f\.", "norm."),
    (r"\.ln_(\d)\.", r".norm\1."),
    (r"\.attn\.c_attn\.", ".qkv."),
    (r"\.attn\.c_proj\.", ".out."),
    (r"\.mlp\.c_fc\.", ".up."),
    (r"\.mlp\.c_proj\.", ".down."),
    (r"^mel_head\.", "code_head."),
    (r"^mel_embedding\.", "code_embedding."),
    (r"^mel_pos_embedding\.emb\.", "code_positions."),
    (r"^text_pos_embedding\.emb\.", "text_positions."),
)


def config_of(meta: dict[str, Any]) -> XttsConfig:
    sizes = meta["config"]
    return XttsConfig(
        width=sizes["model_dim"],
        depth=sizes["layers"],
        heads=sizes["heads"],
        text_tokens=sizes["number_text_tokens"],
        start_text=sizes["start_text_token"],
        stop_text=sizes["stop_text_token"],
        max_text=sizes["max_text_tokens"],
        code_tokens=sizes["num_audio_tokens"],
        start_code=sizes["start_audio_token"],
        stop_code=sizes["stop_audio_token"],
        max_codes=sizes["max_mel_tokens"],
        perceiver=sizes["use_perceiver_resampler"],
    )


def gpt_of(parity: Any) -> Gpt:
    """Strictly: every tensor that is not the conditioning's is one of ours."""
    ours: dict[str, Tensor] = {}
    for key, value in parity.weights.items():
        if key.startswith("conditioning_"):
            continue
        for pattern, replacement in _RENAMES:
            key = re.sub(pattern, replacement, key)
        conv1d = key.startswith("blocks.") and value.dim() == 2
        ours[key] = value.t() if conv1d else value
    gpt = Gpt(config_of(parity.meta)).eval().requires_grad_(False)
    gpt.load_state_dict(ours)
    return gpt
