"""Where a training begins: weights of another model where they fit, parts that keep theirs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from vivavoce.checkpoints import store
from vivavoce.errors import ConfigError, near_misses
from vivavoce.models.vits.model import VitsTTS
from vivavoce.nn.wavenet import WaveNet
from vivavoce.vocoders.base import Vocoder

INIT_STD = 0.01
"""Of the decoder's convolutions, as HiFi-GAN's were."""


class Trained(Protocol):
    """What a training works on."""

    model: VitsTTS
    vocoder: Vocoder


@dataclass(frozen=True)
class Start:
    """`folder` holds a stored model; `freeze` names parts; see `VitsLoss`."""

    folder: Path | None
    freeze: tuple[str, ...]
    new_posterior: bool


def start_from(voice: Trained, start: Start) -> list[nn.Module]:
    """Takes the weights that fit, and gives the parts that shall not change.

    Rows of symbols or speakers that the start lacks keep what they were drawn as. Raises
    ConfigError for an unknown part, for frozen parts without a start, and for a start without a
    posterior encoder unless a new one is wanted.
    """
    parts = _parts(voice)
    for name in start.freeze:
        if name not in parts:
            raise ConfigError(f"loss.freeze names '{name}'.", near_misses(name, parts))
    if start.folder is None:
        if start.freeze:
            raise ConfigError("loss.freeze needs loss.start.", "Frozen parts must be trained ones.")
        _draw_decoder(voice.vocoder)
        return []
    manifest, tensors = store.load(start.folder)
    if manifest["family"] != VitsTTS.family:
        raise ConfigError(
            f"loss.start is a model of the family '{manifest['family']}'.", "It must be a VITS."
        )
    if not start.new_posterior and not any(k.startswith("posterior.") for k in tensors):
        raise ConfigError(
            f"'{manifest['name']}' has no posterior encoder, like all voices from an .onnx file.",
            "Start from the .ckpt of the voice, or train a new one: loss.new_posterior = true, "
            "with loss.freeze = ['text', 'durations', 'flow', 'decoder'].",
        )
    _draw_decoder(voice.vocoder)
    mine = {k: v for k, v in tensors.items() if not k.startswith("vocoder.")}
    its = {k.removeprefix("vocoder."): v for k, v in tensors.items() if k.startswith("vocoder.")}
    take(voice.model, mine)
    take(voice.vocoder, its)
    return [parts[name] for name in start.freeze]


@torch.no_grad()
def take(module: nn.Module, tensors: Mapping[str, Tensor]) -> list[str]:
    """Copies what has the same shape, and of a table with other rows those both have.

    The names of what was not taken.
    """
    left: list[str] = []
    for name, target in module.state_dict().items():
        found = tensors.get(name)
        if found is None or found.shape[1:] != target.shape[1:]:
            left.append(name)
            continue
        if found.shape == target.shape:
            target.copy_(found)
        elif target.dim() == 2:
            rows = min(len(found), len(target))
            target[:rows].copy_(found[:rows])
        else:
            left.append(name)
    return left


def _parts(voice: Trained) -> dict[str, nn.Module]:
    model = voice.model
    found: dict[str, nn.Module | None] = {
        "text": model.text,
        "durations": model.durations,
        "flow": model.flow,
        "posterior": model.posterior,
        "decoder": voice.vocoder,
        "speakers": model.speakers,
    }
    return {name: part for name, part in found.items() if part is not None}


def _draw_decoder(vocoder: Vocoder) -> None:
    for layer in _decoder_layers(vocoder):
        nn.init.normal_(layer.weight, 0.0, INIT_STD)  # type: ignore[arg-type]


def _decoder_layers(vocoder: Vocoder) -> list[nn.Module]:
    """Upsampling and residual convolutions; the first, the last and the speaker's stay plain."""
    return [
        layer
        for stage in vocoder.get_submodule("stages").children()
        for layer in stage.modules()
        if isinstance(layer, (nn.Conv1d, nn.ConvTranspose1d))
    ]


def normalise_weights(voice: Trained) -> None:
    """Weight normalisation where the publication has it: gated convolutions and the decoder."""
    for module in voice.model.modules():
        if isinstance(module, WaveNet):
            for layer in (*module.inputs, *module.outputs, module.condition):
                if layer is not None:
                    parametrizations.weight_norm(layer)
    for layer in _decoder_layers(voice.vocoder):
        parametrizations.weight_norm(layer)
