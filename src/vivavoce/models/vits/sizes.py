"""The architecture that a checkpoint's tensors tell, under the publication's names. No files.

Sizes are the tensors'; only what no shape tells (strides, dilations, sample rates) has to be said
by a configuration.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from torch import Tensor

from vivavoce.checkpoints.remap import count, under
from vivavoce.config import from_dict, to_dict
from vivavoce.errors import BadCheckpoint, ConfigError
from vivavoce.models.speaker import sizes
from vivavoce.models.vits.config import VitsConfig
from vivavoce.models.vits.names import ENCODER, decoder
from vivavoce.nn.speaker_config import LstmSpeakerConfig
from vivavoce.vocoders import inner as decoders
from vivavoce.vocoders.inner import DecoderConfig

T = TypeVar("T")
COQUI_EPS = 1e-4
"""Of the normalisation in Coqui's deterministic durations, whose vectors are `[1, C, 1]`."""


@dataclass(frozen=True)
class DecoderSettings:
    """What a configuration says of the decoder: upsampling `rates`, `dilations` of each block.

    Empty where it says nothing: then kernels are twice their rates and dilations the publication's.
    """

    rates: tuple[int, ...] = ()
    dilations: tuple[tuple[int, ...], ...] = ()


def config_of(
    theirs: Mapping[str, Tensor],
    unit_speakers: bool = False,
    speaker_encoder: dict[str, Any] | None = None,
) -> VitsConfig:
    """`speaker_encoder` are its settings. Raises BadCheckpoint where a part is missing."""
    tokens, width = _shape(theirs, "enc_p.emb.weight")
    couplings = _numbers(theirs, r"flow\.flows\.(\d+)\.pre\.")
    window, per_head = _shape(theirs, "enc_p.encoder.attn_layers.0.emb_rel_k")[1:]
    encoder = _shape(theirs, "enc_p.proj.weight")[1]
    languages = tuple(theirs["emb_l.weight"].shape) if "emb_l.weight" in theirs else (0, 0)
    first = f"flow.flows.{min(couplings, default=0)}."
    table: dict[str, Any] = {
        "n_tokens": tokens,
        "text_width": width,
        "text_layers": count(theirs, "enc_p.encoder.attn_layers."),
        "text_heads": max(1, encoder // max(1, per_head)),
        "text_ffn": _shape(theirs, "enc_p.encoder.ffn_layers.0.conv_1.weight")[0],
        "text_kernel": _shape(theirs, "enc_p.encoder.ffn_layers.0.conv_1.weight")[2],
        "relative_window": (window - 1) // 2,
        "latent_width": _shape(theirs, "enc_p.proj.weight")[0] // 2,
        "flow_width": _shape(theirs, f"{first}pre.weight")[0],
        "n_couplings": len(couplings),
        "flow_layers": count(theirs, f"{first}enc.in_layers."),
        "flow_kernel": _shape(theirs, f"{first}enc.in_layers.0.weight")[2],
        "n_languages": languages[0],
        "language_width": languages[1],
        "unit_speakers": unit_speakers,
        **_encoder(theirs, speaker_encoder),
    }
    table |= _durations(theirs) | _posterior(theirs) | _speakers(theirs, first)
    return _checked(partial(from_dict, VitsConfig), table)


def _durations(theirs: Mapping[str, Tensor]) -> dict[str, Any]:
    if "dp.flows.0.m" not in theirs:
        coqui = theirs.get("dp.norm_1.gamma")
        return {
            "stochastic_durations": False,
            "duration_width": _shape(theirs, "dp.conv_1.weight")[0],
            "duration_kernel": _shape(theirs, "dp.conv_1.weight")[2],
            "duration_eps": COQUI_EPS if coqui is not None and coqui.dim() == 3 else 1e-5,
        }
    splines = _numbers(theirs, r"dp\.flows\.(\d+)\.pre\.")
    last = f"dp.flows.{max(splines, default=7)}."
    return {
        "duration_width": _shape(theirs, "dp.pre.weight")[0],
        "duration_kernel": _shape(theirs, "dp.convs.convs_sep.0.weight")[2],
        "duration_layers": count(theirs, "dp.convs.convs_sep."),
        "duration_flows": (max(splines, default=1) + 1) // 2,
        "duration_bins": (_shape(theirs, f"{last}proj.weight")[0] + 1) // 3,
        "variational_durations": "dp.post_pre.weight" in theirs,
    }


def _posterior(theirs: Mapping[str, Tensor]) -> dict[str, Any]:
    if "enc_q.pre.weight" not in theirs:
        return {}
    width, bins, _ = _shape(theirs, "enc_q.pre.weight")
    return {
        "posterior": True,
        "n_bins": bins,
        "posterior_width": width,
        "posterior_layers": count(theirs, "enc_q.enc.in_layers."),
        "posterior_kernel": _shape(theirs, "enc_q.enc.in_layers.0.weight")[2],
    }


def _speakers(theirs: Mapping[str, Tensor], first: str) -> dict[str, Any]:
    condition = theirs.get(f"{first}enc.cond_layer.weight")
    table = theirs.get("emb_g.weight")
    return {
        "n_speakers": 0 if table is None else table.shape[0],
        "speaker_width": 0 if condition is None else condition.shape[1],
        "speaker_durations": "dp.cond.weight" in theirs,
    }


def _encoder(theirs: Mapping[str, Tensor], settings: dict[str, Any] | None) -> dict[str, Any]:
    its = under(theirs, ENCODER)
    if not its:
        return {}
    found = sizes(its, settings)
    lstm = isinstance(found, LstmSpeakerConfig)
    return {"speaker_lstm" if lstm else "speaker_encoder": to_dict(found)}


def decoder_of(theirs: Mapping[str, Tensor], said: DecoderSettings) -> DecoderConfig:
    """The sizes of the decoder inside.

    Raises BadCheckpoint where what is said does not fit the tensors.
    """
    its = decoder(theirs)
    kernels = [_taps(its, f"ups.{n}.weight") for n in range(count(its, "ups."))]
    rates = list(said.rates) or [kernel // 2 for kernel in kernels]
    blocks = count(its, "resblocks.") // max(1, len(kernels))
    pairs = any(".convs1." in name for name in its)
    first = "convs1" if pairs else "convs"
    layers = count(its, f"resblocks.0.{first}.")
    published = [(1, 3, 5)] * blocks if pairs else [(1, 2), (2, 6), (3, 12)][:blocks]
    dilations = [tuple(d[:layers]) for d in (said.dilations or published)]
    if len(rates) != len(kernels) or len(dilations) != blocks:
        raise BadCheckpoint(
            f"The configuration describes a decoder of {len(rates)} stages with {len(dilations)} "
            f"blocks each; the weights have {len(kernels)} with {blocks}.",
            "Put the configuration that belongs to this checkpoint beside it.",
        )
    table = {
        "width": _shape(its, "conv_pre.weight")[0],
        "rates": rates,
        "kernels": kernels,
        "block": 1 if pairs else 2,
        "block_kernels": [_taps(its, f"resblocks.{n}.{first}.0.weight") for n in range(blocks)],
        "block_dilations": dilations,
        "condition_dim": its["cond_layer.weight"].shape[1] if "cond_layer.weight" in its else 0,
        "output_bias": "conv_post.bias" in its,
    }
    return _checked(decoders.config_of, table)


def _taps(its: Mapping[str, Tensor], name: str) -> int:
    return _shape(its, name)[2]


def _shape(theirs: Mapping[str, Tensor], name: str) -> tuple[int, ...]:
    if name not in theirs:
        raise BadCheckpoint(
            f"This is not a complete VITS model: '{name}' is missing.",
            "Use a checkpoint of the full generator.",
        )
    return tuple(theirs[name].shape)


def _numbers(names: Iterable[str], pattern: str) -> Sequence[int]:
    found = (re.match(pattern, name) for name in names)
    return sorted({int(match[1]) for match in found if match})


def _checked(make: Callable[[dict[str, Any]], T], table: dict[str, Any]) -> T:
    try:
        return make(table)
    except ConfigError as error:
        raise BadCheckpoint(
            f"The checkpoint's sizes are not those of a VITS model: {error.message}", error.advice
        ) from error
