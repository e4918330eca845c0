"""Our tensors under the publication's names: the way back, for export. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from vivavoce.models.vits.names import VOCODER

_ATTENTION = {"query": "conv_q", "key": "conv_k", "value": "conv_v", "output": "conv_o"}
_BACK = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"^text\.embedding\.", "enc_p.emb."),
        (r"^text\.projection\.", "enc_p.proj."),
        (
            r"^text\.layers\.(\d+)\.attention\.relative_(k|v)(ey|alue)$",
            r"enc_p.encoder.attn_layers.\1.emb_rel_\2",
        ),
        (r"^text\.layers\.(\d+)\.norm_([12])\.", r"enc_p.encoder.norm_layers_\2.\1."),
        (r"^text\.layers\.(\d+)\.feed_forward\.expand\.", r"enc_p.encoder.ffn_layers.\1.conv_1."),
        (r"^text\.layers\.(\d+)\.feed_forward\.contract\.", r"enc_p.encoder.ffn_layers.\1.conv_2."),
        (r"^(posterior|flow\.couplings\.\d+)\.start\.", r"\1.pre."),
        (r"^(posterior|flow\.couplings\.\d+)\.wavenet\.", r"\1.enc."),
        (r"^posterior\.end\.", "posterior.proj."),
        (r"^(flow\.couplings\.\d+)\.end\.", r"\1.post."),
        (r"^posterior\.", "enc_q."),
        (r"^speakers\.", "emb_g."),
        (r"^language_table\.", "emb_l."),
        (r"^durations\.affine\.shift$", "dp.flows.0.m"),
        (r"^durations\.affine\.log_scale$", "dp.flows.0.logs"),
        (r"^durations\.variational\.affine\.shift$", "dp.post_flows.0.m"),
        (r"^durations\.variational\.affine\.log_scale$", "dp.post_flows.0.logs"),
        (r"^durations\.variational\.first\.", "dp.flows.1."),
        (r"^durations\.variational\.start\.", "dp.post_pre."),
        (r"^durations\.variational\.stack\.", "dp.post_convs."),
        (r"^durations\.variational\.end\.", "dp.post_proj."),
        (r"^durations\.condition\.", "dp.cond."),
        (r"^durations\.language\.", "dp.cond_lang."),
        (r"^durations\.(end|projection)\.", "dp.proj."),
        (r"^durations\.start\.", "dp.pre."),
        (r"^durations\.stack\.", "dp.convs."),
        (r"^durations\.", "dp."),
        (r"^(dp\.(?:post_)?flows\.\d+)\.start\.", r"\1.pre."),
        (r"^(dp\.(?:post_)?flows\.\d+)\.stack\.", r"\1.convs."),
        (r"^(dp\.(?:post_)?flows\.\d+)\.end\.", r"\1.proj."),
        (r"\.depthwise\.", ".convs_sep."),
        (r"\.pointwise\.", ".convs_1x1."),
        (r"\.inputs\.", ".in_layers."),
        (r"\.outputs\.", ".res_skip_layers."),
        (r"^((?:enc_q|flow)\..*enc)\.condition\.", r"\1.cond_layer."),
        (r"^(.*(?:norm(?:s|_layers)?_[12])(?:\.\d+)?)\.weight$", r"\1.gamma"),
        (r"^(.*(?:norm(?:s|_layers)?_[12])(?:\.\d+)?)\.bias$", r"\1.beta"),
    )
)


def official(ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The publication's names and shapes; the decoder's tensors are behind `dec.`."""
    blocks = _blocks_per_stage(ours)
    return {
        name: _shaped(name, tensor) for key, tensor in ours.items() for name in [_name(key, blocks)]
    }


def _name(key: str, blocks: int) -> str:
    if key.startswith(VOCODER):
        return f"dec.{_decoder(key.removeprefix(VOCODER), blocks)}"
    if match := re.match(r"text\.layers\.(\d+)\.attention\.(query|key|value|output)\.", key):
        rest = key[match.end() :]
        return f"enc_p.encoder.attn_layers.{match[1]}.{_ATTENTION[match[2]]}.{rest}"
    if match := re.match(r"durations\.(variational\.)?splines\.(\d+)\.", key):
        flows = "post_flows" if match[1] else "flows"
        number = 2 * int(match[2]) + (1 if match[1] else 3)
        key = f"dp.{flows}.{number}.{key[match.end() :]}"
    for pattern, replacement in _BACK:
        key = pattern.sub(replacement, key)
    return re.sub(r"^flow\.couplings\.(\d+)\.", lambda m: f"flow.flows.{2 * int(m[1])}.", key)


def _decoder(key: str, blocks: int) -> str:
    for ours, theirs in (("first.", "conv_pre."), ("last.", "conv_post."), ("condition.", "cond.")):
        if key.startswith(ours):
            return theirs + key.removeprefix(ours)
    match = re.fullmatch(
        r"stages\.(\d+)\.(upsample|blocks\.(\d+)\.(dilated|plain)\.(\d+))\.(\w+)", key
    )
    if match is None:
        return key
    if match[2] == "upsample":
        return f"ups.{match[1]}.{match[6]}"
    pairs = "convs" if blocks < 0 else {"dilated": "convs1", "plain": "convs2"}[match[4]]
    number = int(match[1]) * abs(blocks) + int(match[3])
    return f"resblocks.{number}.{pairs}.{match[5]}.{match[6]}"


def _blocks_per_stage(ours: Mapping[str, Tensor]) -> int:
    """How many residual blocks a stage has; negative where they are of type 2."""
    pattern = re.compile(rf"{re.escape(VOCODER)}stages\.0\.blocks\.(\d+)\.")
    numbers = {int(match[1]) for key in ours if (match := pattern.match(key))}
    pairs = any(".plain." in key for key in ours if key.startswith(VOCODER))
    return len(numbers) if pairs else -len(numbers)


def _shaped(name: str, tensor: Tensor) -> Tensor:
    if ".emb_rel_" in name:
        return tensor.unsqueeze(0)
    return tensor.unsqueeze(1) if name.endswith((".m", ".logs")) else tensor
