"""The VITS-like body of converters: latents of the source, a flow to nobody and back to the target.

Shapes: latents `[1, C, T]`, speaker `[1, D, 1]`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from vivavoce.audio.specs import XTTS_LATENTS
from vivavoce.checkpoints.remap import count, renamed, under
from vivavoce.config import to_dict
from vivavoce.errors import BadCheckpoint
from vivavoce.types import FeatureSpec
from vivavoce.vocoders import inner

_COUPLING = re.compile(r"^flow\.flows\.(\d+)\.")
_RENAMES = (
    (r"^(flow\..*|posterior)\.pre\.", r"\1.start."),
    (r"^(flow\..*)\.post\.", r"\1.end."),
    (r"^posterior\.proj\.", "posterior.end."),
    (r"\.enc\.in_layers\.", ".wavenet.inputs."),
    (r"\.enc\.res_skip_layers\.", ".wavenet.outputs."),
    (r"\.enc\.cond_layer\.", ".wavenet.condition."),
)
_DECODER = "dec."


def adapt_body(tensors: Mapping[str, Tensor], posterior: str) -> dict[str, Tensor]:
    """Our names of the flow, the posterior `posterior`, and behind `vocoder.` the decoder."""
    inside = _decoder(tensors)
    result = {f"vocoder.{key}": tensor for key, tensor in inner.adapt(inside).items()}
    for key, tensor in tensors.items():
        if key.startswith(_DECODER):
            continue
        name = re.sub(rf"^{posterior}\.", "posterior.", key)
        match = _COUPLING.match(name)
        if match:  # the publication counts the reversals between the couplings too
            name = f"flow.couplings.{int(match[1]) // 2}.{name[match.end() :]}"
        result[renamed(name, _RENAMES)] = tensor
    return result


def _decoder(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The decoder's tensors under the names that its own family knows."""
    return {re.sub(r"^cond\.", "cond_layer.", k): v for k, v in under(tensors, _DECODER).items()}


def body_sizes(ours: Mapping[str, Tensor]) -> dict[str, Any]:
    """The table of a `LatentConfig`, from tensors under our names. Raises BadCheckpoint."""
    first = "flow.couplings.0."
    if "posterior.end.bias" not in ours or first + "start.bias" not in ours:
        raise BadCheckpoint("The posterior or the flow of the converter is missing.")

    inputs = "wavenet.inputs."
    return {
        "n_bins": ours["posterior.start.weight"].shape[1],
        "latent_width": ours["posterior.end.bias"].shape[0] // 2,
        "speaker_width": ours[first + "wavenet.condition.weight"].shape[1],
        "n_couplings": count(ours, "flow.couplings."),
        "flow_width": ours[first + "start.bias"].shape[0],
        "flow_kernel": ours[f"{first}{inputs}0.weight"].shape[2],
        "flow_layers": count(ours, first + inputs),
        "posterior_width": ours["posterior.start.bias"].shape[0],
        "posterior_kernel": ours[f"posterior.{inputs}0.weight"].shape[2],
        "posterior_layers": count(ours, "posterior." + inputs),
    }


def body_tables(
    settings: Mapping[str, Any], tensors: Mapping[str, Tensor], width: int, frame_rate: float
) -> dict[str, Any]:
    """The tables `features` and `vocoder`; `settings` has the upsampling rates and dilations.

    The sample rate follows from `frame_rate`, Hz: another one would change length and pitch.
    """
    inside = _decoder(tensors)
    said = {
        "rates": settings.get("upsample_rates"),
        "block_dilations": settings.get("resblock_dilation_sizes"),
    }
    decoder = inner.config_of(inner.tables_of(inside, said, XTTS_LATENTS)["config"])
    spec = latent_spec(width, decoder.hop_length, round(decoder.hop_length * frame_rate))
    return {"features": to_dict(spec), "vocoder": inner.tables_of(inside, said, spec)}


def latent_spec(width: int, hop_length: int, sample_rate: int) -> FeatureSpec:
    """Latents without a definition as a signal."""
    return replace(XTTS_LATENTS, n_mels=width, hop_length=hop_length, sample_rate=sample_rate)
