"""OpenVoice's names and settings, its own or Coqui's -> ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor

from vivavoce.checkpoints.importer import Importer, Stats
from vivavoce.checkpoints.remap import count, fold_weight_norm, renamed
from vivavoce.config import from_dict, to_dict
from vivavoce.converters.body import adapt_body, body_sizes, body_tables
from vivavoce.converters.openvoice.config import OpenVoiceConfig
from vivavoce.errors import BadCheckpoint
from vivavoce.limits import describe

RATE = 22_050
_RENAMES = (
    (r"^ref_enc\.layernorm\.", "tone.norm."),
    (r"^ref_enc\.gru\.", "tone.recurrent."),
    (r"^ref_enc\.proj\.", "tone.project."),
    (r"^ref_enc\.convs\.", "tone.convs."),
)
_SPEAKS = ("enc_p.", "sdp.", "dp.", "emb_g.")
"""Of the text-to-speech model that v1's file may hold as well."""


def recognises(names: Iterable[str]) -> bool:
    """Whether tensors of these names are OpenVoice's tone colour converter."""
    return {"ref_enc.gru.weight_ih_l0", "enc_q.pre.weight"} <= set(names)


def adapt(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Our names with weight norm folded; a text-to-speech model beside it is left out."""
    dropped = [key for key in tensors if key.startswith(_SPEAKS)]
    kept = fold_weight_norm({k: v for k, v in tensors.items() if not k.startswith(_SPEAKS)})
    return {renamed(k, _RENAMES): v for k, v in adapt_body(kept, "enc_q").items()}, dropped


def tables(
    foreign: Mapping[str, Any], tensors: Mapping[str, Tensor], stats: Stats | None = None
) -> dict[str, Any]:
    """Our manifest's tables. v1's configuration does not name `zero_g`: it is off there."""
    own = isinstance(foreign.get("model"), Mapping)
    settings = foreign.get("model" if own else "model_args") or {}
    audio = foreign.get("data" if own else "audio") or {}
    ours, _ = adapt(tensors)
    table = body_sizes(ours) | {
        "zero_speaker": bool(settings.get("zero_g", not own)),
        "noise_scale": settings.get("tau", 0.3),
        "channels": [
            ours[f"tone.convs.{n}.weight"].shape[0] for n in range(count(ours, "tone.convs."))
        ],
        "recurrent": ours["tone.recurrent.weight_hh_l0"].shape[1],
        "hop": audio.get("hop_length", 256),
    }
    config = from_dict(OpenVoiceConfig, table)
    rate = audio.get("sampling_rate", audio.get("output_sample_rate", RATE))
    if rate != RATE:
        raise BadCheckpoint(
            f"This OpenVoice works at {describe(rate)} Hz; only {RATE} Hz is implemented.",
            "Take the published v1 or v2.",
        )
    rates = body_tables(settings, tensors, config.latent_width, RATE / config.hop)
    return {"config": to_dict(config)} | rates


IMPORTER = Importer(recognises=recognises, adapt=adapt, tables=tables)
