"""Coqui's XTTS checkpoints: their names, sizes and settings -> ours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from vivavoce.checkpoints.companions import Companion
from vivavoce.checkpoints.importer import Importer, Stats
from vivavoce.checkpoints.remap import renamed_once, strip, under
from vivavoce.config import to_dict
from vivavoce.errors import BadCheckpoint
from vivavoce.models.xtts.settings import (
    BELONGS,
    OFFICIAL_VOCODER,
    XttsVocabulary,
    config_of,
    features_of,
    options_of,
    read_vocabulary,
)
from vivavoce.nn.gpt_names import GPT_NAMES, GPT_UNUSED, turned
from vivavoce.vocoders import VOCODERS

# What belongs to a checkpoint, by its name among the settings. The statistics are for weights
# without any; they lie beside every official checkpoint, for training.
COMPANIONS = {
    "vocabulary": Companion("vocab.json"),
    "speakers": Companion("speakers_xtts.pth"),
    "mel_stats": Companion("mel_stats.pth", unless="mel_stats"),
}

_PREFIXES = ("xtts.", "module.", "_orig_mod.")
# What only training needs, second names of the same tensors, counters, and tables we make.
_DROPPED = re.compile(
    r"(dvae|torch_mel_spectrogram_\w+)\..+"
    r"|gpt\.(gpt_inference|prompt_embedding|prompt_pos_embedding)\..+"
    rf"|{GPT_UNUSED}"
    r"|.+\.num_batches_tracked|hifigan_decoder\.speaker_encoder\.torch_spec\..+"
)
_RENAMES = (
    *GPT_NAMES,
    (re.compile(r"^gpt\.conditioning_encoder\."), "conditioning.encoder."),
    (re.compile(r"^gpt\.conditioning_perceiver\."), "conditioning.perceiver."),
    (re.compile(r"^hifigan_decoder\.speaker_encoder\."), "speaker_encoder."),
)
_SPEAKERS = "speakers/"
N_LATENTS = 32


def recognises(names: Iterable[str]) -> bool:
    """Whether tensors of these names are an XTTS, with or without its trainer's prefix."""
    return any(name.endswith("gpt.conditioning_encoder.init.weight") for name in names)


def adapt(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Our names, and the foreign names left out on purpose.

    Matrices that we keep the other way round are views; the vocoder's weight norm is folded. A name
    that nobody knows stays, so that the strict load can complain about it. Raises BadCheckpoint for
    tensors that are there twice and for speakers that do not fit.
    """
    theirs, dropped = _official(tensors)
    ours: dict[str, Tensor] = {}
    for name, tensor in theirs.items():
        if not name.startswith((OFFICIAL_VOCODER, _SPEAKERS)):
            ours[_rename(name)] = turned(name, tensor)
    its = under(theirs, OFFICIAL_VOCODER)
    family = VOCODERS.recognise(its)
    vocoder = VOCODERS.family(family).importer.adapt(its)[0] if family else its
    ours |= {f"vocoder.{name}": tensor for name, tensor in vocoder.items()}
    return ours | _speakers(theirs), dropped


def tables(
    foreign: Mapping[str, Any], tensors: Mapping[str, Tensor], stats: Stats | None = None
) -> dict[str, Any]:
    """Our manifest's tables from Coqui's `config.json`, checked against weights and vocabulary.

    The table `found` of `foreign` holds `vocabulary`, the text of vocab.json. Statistics of other
    families, `stats`, mean nothing here. Raises BadCheckpoint.
    """
    _check(foreign)
    theirs, _ = _official(tensors)
    if "mel_stats" not in theirs:
        raise BadCheckpoint(
            "The checkpoint has no mel_stats, and there is no mel_stats.pth beside it.",
            "Put the mel_stats.pth of the official XTTS release into the same folder.",
        )
    vocabulary = read_vocabulary((foreign.get("found") or {}).get("vocabulary"))
    config = config_of(foreign, theirs, vocabulary)
    features = to_dict(features_of(foreign, theirs))
    return {
        "config": to_dict(config),
        "features": features,
        "text": {"vocabulary": vocabulary.text},
        "vocoder": {"features": features, **_vocoder(under(theirs, OFFICIAL_VOCODER))},
        "options": options_of(foreign),
        "speakers": _speaker_names(theirs),
        "languages": _languages(foreign, vocabulary),
    }


def _languages(foreign: Mapping[str, Any], vocabulary: XttsVocabulary) -> list[str]:
    """Those that the configuration lists and the vocabulary has a token for."""
    with_token = vocabulary.languages
    listed = [str(code) for code in foreign.get("languages") or ()]
    return [code for code in listed if code in with_token] or with_token


def _check(foreign: Mapping[str, Any]) -> None:
    """Whether the configuration is an XTTS' at all. Raises BadCheckpoint."""
    kind = foreign.get("model", "xtts")
    if kind != "xtts":
        raise BadCheckpoint(
            f"The weights are an XTTS model, the configuration is for a '{kind}'.",
            BELONGS.format("config.json"),
        )
    for key, wanted in (("model_args", dict), ("languages", list)):
        if not isinstance(foreign.get(key) or wanted(), wanted):
            raise BadCheckpoint(
                f"config.json: {key} is {foreign[key]!r:.50}.", BELONGS.format("config.json")
            )


def _vocoder(its: Mapping[str, Tensor]) -> dict[str, Any]:
    family = VOCODERS.recognise(its)
    sizes = VOCODERS.family(family).importer.config_from_tensors if family else None
    if sizes is None:
        raise BadCheckpoint("The checkpoint has no vocoder.", "Use a checkpoint of the full model.")
    return {"family": family, "config": to_dict(sizes(its))}


def _official(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """The tensors that say something, under the names of the official release; the rest's names."""
    dropped = [name for name in tensors if _DROPPED.fullmatch(_short(name))]
    left_out = set(dropped)
    return strip({k: v for k, v in tensors.items() if k not in left_out}, *_PREFIXES), dropped


def _short(name: str) -> str:
    while found := next((p for p in _PREFIXES if name.startswith(p)), ""):
        name = name.removeprefix(found)
    return name


def _rename(name: str) -> str:
    return renamed_once(name, _RENAMES)


def _speaker_names(theirs: Mapping[str, Tensor]) -> list[str]:
    """In the file's order."""
    places = (name.removeprefix(_SPEAKERS) for name in theirs if name.startswith(_SPEAKERS))
    return list(dict.fromkeys(place.rpartition("/")[0] for place in places))


def _speakers(theirs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """`speaker_latents` `[N, P, W]` and `speaker_embeddings` `[N, D]`; N may be 0."""
    width = theirs.get("gpt.text_embedding.weight", torch.zeros(0, 0)).shape[1]
    latents = theirs.get("gpt.conditioning_perceiver.latents", torch.zeros(N_LATENTS, width))
    bias = theirs.get("hifigan_decoder.speaker_encoder.fc.bias", torch.zeros(0))
    return {
        "speaker_latents": _rows(theirs, "gpt_cond_latent", latents.shape),
        "speaker_embeddings": _rows(theirs, "speaker_embedding", bias.shape),
    }


def _rows(theirs: Mapping[str, Tensor], key: str, shape: Sequence[int]) -> Tensor:
    """What all speakers have under `key`, `[N, *shape]`."""
    rows = [torch.zeros(0, *shape)]
    for speaker in _speaker_names(theirs):
        tensor = theirs.get(f"{_SPEAKERS}{speaker}/{key}")
        found = None if tensor is None else list(tensor.shape)
        if tensor is None or _without_ones(tensor.shape) != _without_ones(shape):
            raise BadCheckpoint(
                f"The '{key}' of speaker {speaker!r} should be {list(shape)}; it is {found}.",
                "Use the speakers_xtts.pth that belongs to this checkpoint, or none.",
            )
        rows.append(tensor.float().reshape(1, *shape))
    return torch.cat(rows)


def _without_ones(shape: Sequence[int]) -> list[int]:
    return [n for n in shape if n != 1]


IMPORTER = Importer(recognises=recognises, adapt=adapt, tables=tables, companions=COMPANIONS)
