"""What an XTTS checkpoint's settings, vocabulary and shapes say it is.

Names of tensors are the official release's here: `convert` renames them. Sizes are the tensors';
what config.json and vocab.json say besides has to agree with them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

from torch import Tensor

from vivavoce.audio.specs import XTTS_LATENTS
from vivavoce.checkpoints.remap import count, under
from vivavoce.config import from_dict, to_dict
from vivavoce.errors import BadCheckpoint, ConfigError
from vivavoce.models.xtts.config import XttsConfig, XttsOptions
from vivavoce.nn.speaker_config import SpeakerConfig
from vivavoce.types import FeatureSpec

OFFICIAL_VOCODER = "hifigan_decoder.waveform_decoder."
HEAD_DIM = 64  # of the perceiver: the published code's, which no file tells
BELONGS = "Put the {} that belongs to this checkpoint into the same folder."
_LANGUAGE = re.compile(r"\[([a-z]{2,3}(-[a-z]{2,4})?)\]")
# Theirs -> ours, for what tensors tell too: where config.json says it, both must agree.
_SIZES = {
    "gpt_layers": "depth",
    "gpt_n_model_channels": "width",
    "gpt_number_text_tokens": "text_tokens",
    "gpt_num_audio_tokens": "code_tokens",
    "gpt_max_text_tokens": "max_text",
    "gpt_max_audio_tokens": "max_codes",
    "gpt_use_perceiver_resampler": "perceiver",
}
# Theirs -> ours, for what tensors do not tell.
_ARGUMENTS = {
    "gpt_n_heads": "heads",
    "gpt_max_prompt_tokens": "max_prompt",
    "gpt_start_text_token": "start_text",
    "gpt_stop_text_token": "stop_text",
    "gpt_start_audio_token": "start_code",
    "gpt_stop_audio_token": "stop_code",
    "input_sample_rate": "input_rate",
    "gpt_code_stride_len": "code_samples",
}
_LISTENING = {
    "gpt_cond_len": "condition_s",
    "gpt_cond_chunk_len": "condition_chunk_s",
    "max_ref_len": "reference_s",
    "sound_norm_refs": "normalise_references",
}
_OPTIONS = ("temperature", "top_k", "top_p", "repetition_penalty")


@dataclass(frozen=True)
class XttsVocabulary:
    """The text of a vocab.json without its blanks, and the number of each of its tokens."""

    text: str
    ids: Mapping[str, int]

    @property
    def size(self) -> int:
        return max(self.ids.values(), default=-1) + 1

    @property
    def languages(self) -> list[str]:
        """The languages that have a token of their own, such as `[en]`."""
        return [found[1] for token in self.ids if (found := _LANGUAGE.fullmatch(token))]


def read_vocabulary(text: str | None) -> XttsVocabulary:
    """A tokenizer's JSON with its model's `vocab` and what was added. Raises BadCheckpoint."""
    if text is None:
        raise BadCheckpoint(
            "There is no vocab.json for this checkpoint.", BELONGS.format("vocab.json")
        )
    try:
        whole = json.loads(text)
        ids = dict(whole["model"]["vocab"])
        ids |= {str(token["content"]): token["id"] for token in whole.get("added_tokens") or ()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise BadCheckpoint(
            f"vocab.json is not a tokenizer's ({type(error).__name__}: {error}).",
            BELONGS.format("vocab.json"),
        ) from error
    if not all(type(number) is int and number >= 0 for number in ids.values()):
        raise BadCheckpoint("vocab.json has tokens without a number.", BELONGS.format("vocab.json"))
    return XttsVocabulary(json.dumps(whole, ensure_ascii=False, separators=(",", ":")), ids)


def config_of(
    foreign: Mapping[str, Any], theirs: Mapping[str, Tensor], vocabulary: XttsVocabulary
) -> XttsConfig:
    """The architecture. Raises BadCheckpoint where a part is missing or two of them disagree."""
    arguments = foreign.get("model_args") or {}
    sizes = _sizes(theirs)
    for key, ours in _SIZES.items():
        said = arguments.get(key)
        if said is not None and said != sizes[ours]:
            raise BadCheckpoint(
                f"config.json says that {key} is {said}, but the weights have {sizes[ours]}.",
                BELONGS.format("config.json"),
            )
    rows = sizes["text_tokens"]
    if vocabulary.size != rows:
        raise BadCheckpoint(
            f"vocab.json has {vocabulary.size} tokens, the weights have rows for {rows}.",
            BELONGS.format("vocab.json"),
        )
    said = {ours: arguments.get(key) for key, ours in _ARGUMENTS.items()}
    said |= {ours: foreign.get(key) for key, ours in _LISTENING.items()}
    for ours, token in (("start_text", "[START]"), ("stop_text", "[STOP]")):
        if said[ours] is None and token not in vocabulary.ids:
            raise BadCheckpoint(f"vocab.json has no token {token}.", BELONGS.format("vocab.json"))
        said[ours] = vocabulary.ids[token] if said[ours] is None else said[ours]
    codes = sizes["code_tokens"]
    table = {"start_code": codes - 2, "stop_code": codes - 1}
    table |= {key: value for key, value in said.items() if value is not None}
    for key in ("input_rate", "code_samples", "condition_s", "condition_chunk_s", "reference_s"):
        value = table.get(key, 1)
        if not isinstance(value, (int, float)) or not (isfinite(value) and value > 0):
            raise BadCheckpoint(f"config.json: '{key}' is {value!r}, not a number above 0.")
    return _checked(XttsConfig, sizes | table)


def options_of(foreign: Mapping[str, Any]) -> dict[str, Any]:
    """How the configuration wants codes to be drawn. Raises BadCheckpoint."""
    said = {key: foreign[key] for key in _OPTIONS if foreign.get(key) is not None}
    whole = to_dict(_checked(XttsOptions, said))
    return {key: whole[key] for key in said}


def features_of(foreign: Mapping[str, Any], theirs: Mapping[str, Tensor]) -> FeatureSpec:
    """The latents that the vocoder reads."""
    arguments = foreign.get("model_args") or {}
    spec = replace(
        XTTS_LATENTS,
        n_mels=_shape(theirs, f"{OFFICIAL_VOCODER}conv_pre.weight")[1],
        sample_rate=arguments.get("output_sample_rate") or XTTS_LATENTS.sample_rate,
        hop_length=arguments.get("output_hop_length") or XTTS_LATENTS.hop_length,
    )
    return _checked(FeatureSpec, to_dict(spec))


def _sizes(theirs: Mapping[str, Tensor]) -> dict[str, Any]:
    """The fields of XttsConfig that names and shapes tell."""
    text_tokens, width = _shape(theirs, "gpt.text_embedding.weight")
    found = {
        "width": width,
        "depth": count(theirs, "gpt.gpt.h."),
        "text_tokens": text_tokens,
        "code_tokens": _shape(theirs, "gpt.mel_embedding.weight")[0],
        "max_text": _shape(theirs, "gpt.text_pos_embedding.emb.weight")[0] - 2,
        "max_codes": _shape(theirs, "gpt.mel_pos_embedding.emb.weight")[0] - 3,
        "condition_blocks": count(theirs, "gpt.conditioning_encoder.attn."),
        "n_mels": _shape(theirs, "gpt.conditioning_encoder.init.weight")[1],
        "perceiver": "gpt.conditioning_perceiver.latents" in theirs,
        "speaker": _speaker_sizes(theirs),
    }
    if not found["perceiver"]:
        return found
    inner = _shape(theirs, "gpt.conditioning_perceiver.layers.0.0.to_q.weight")[0]
    return found | {
        "n_latents": _shape(theirs, "gpt.conditioning_perceiver.latents")[0],
        "perceiver_depth": count(theirs, "gpt.conditioning_perceiver.layers."),
        "perceiver_heads": max(1, inner // HEAD_DIM),
        "perceiver_head_dim": min(HEAD_DIM, inner),
    }


def _speaker_sizes(theirs: Mapping[str, Tensor]) -> dict[str, Any]:
    place = "hifigan_decoder.speaker_encoder."
    its = under(theirs, place)
    try:
        return to_dict(SpeakerConfig.of({name: tuple(t.shape) for name, t in its.items()}))
    except KeyError as error:
        raise _missing(f"{place}{error.args[0]}") from error


def _shape(theirs: Mapping[str, Tensor], name: str) -> tuple[int, ...]:
    if name not in theirs:
        raise _missing(name)
    return tuple(theirs[name].shape)


def _missing(name: str) -> BadCheckpoint:
    return BadCheckpoint(
        f"This is not a complete XTTS model: '{name}' is missing.",
        "Use a checkpoint of the full model, not a part or an adapter of it.",
    )


def _checked(cls: type[Any], table: dict[str, Any]) -> Any:
    try:
        return from_dict(cls, table)
    except ConfigError as error:
        raise BadCheckpoint(f"config.json: {error.message}", error.advice) from error
