"""A recorded toy run of a reference as our model and vocoder. Shared by this folder's tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from vivavoce.audio.specs import XTTS_LATENTS
from vivavoce.checkpoints.remap import strict_load
from vivavoce.models.vits.model import VitsTTS
from vivavoce.models.vits.names import adapt, official
from vivavoce.models.vits.sizes import DecoderSettings, config_of, decoder_of
from vivavoce.types import Tokens, Voice
from vivavoce.vocoders.hifigan.model import Hifigan


class Recorded:
    """The recorded draws in the order in which a model asks for them."""

    def __init__(self, *draws: Tensor) -> None:
        self.draws = list(draws)

    def normal(self, lengths: list[int], n_channels: int) -> Tensor:
        drawn = self.draws.pop(0)
        assert drawn.shape[1:] == (n_channels, max(lengths))
        return drawn


def decoder_settings(config: dict[str, Any]) -> DecoderSettings:
    def of(name: str) -> Any:
        return config.get(name) or config.get(f"{name}_decoder") or ()

    dilations = tuple(tuple(d) for d in of("resblock_dilation_sizes"))
    return DecoderSettings(tuple(of("upsample_rates")), dilations)


def models(weights: dict[str, Tensor], config: dict[str, Any]) -> tuple[VitsTTS, Hifigan]:
    """Strictly: every tensor of the file is one of ours."""
    theirs, dropped = official(weights)
    assert not dropped
    return voiced(theirs, decoder_settings(config), config)


def voiced(
    theirs: dict[str, Tensor], settings: DecoderSettings, config: dict[str, Any] | None = None
) -> tuple[VitsTTS, Hifigan]:
    model, vocoder = loaded(theirs, settings, config)
    return model.freeze(), vocoder.freeze()


def loaded(
    theirs: dict[str, Tensor], settings: DecoderSettings, config: dict[str, Any] | None = None
) -> tuple[VitsTTS, Hifigan]:
    config = config or {}
    sizes = config_of(theirs, unit_speakers=bool(config.get("use_d_vector_file")))
    hifigan = decoder_of(theirs, settings)
    spec = replace(
        XTTS_LATENTS,
        sample_rate=config.get("sampling_rate", 22050),
        hop_length=hifigan.hop_length,
        n_mels=sizes.latent_width,
    )
    languages = tuple(config.get("languages", ()))
    model, vocoder = VitsTTS(sizes, spec, languages=languages), Hifigan(hifigan, spec)
    ours = adapt(theirs)
    strict_load(model, {k: v for k, v in ours.items() if not k.startswith("vocoder.")})
    strict_load(
        vocoder, {k.removeprefix("vocoder."): v for k, v in ours.items() if "vocoder." in k}
    )
    return model, vocoder


def tokens(ids: Tensor) -> Tokens:
    return Tokens(tuple(ids.tolist()), (0,) * len(ids))


def speaker(model: VitsTTS, inputs: dict[str, Tensor]) -> Voice:
    if "d_vector" in inputs:
        return Voice("vector", "vits", {"embedding": inputs["d_vector"][0]}, language="en")
    number = inputs.get("speaker_ids", inputs.get("speaker_id"))
    return model.voice() if number is None else model.voice(str(int(number[0])))


def draws(inputs: dict[str, Tensor], prefix: str = "noise") -> Recorded:
    return Recorded(*(inputs[f"{prefix}{n}"] for n in range(2) if f"{prefix}{n}" in inputs))


def close(found: Tensor, expected: Tensor, tolerance: float) -> None:
    assert found.shape == expected.shape
    torch.testing.assert_close(found, expected, rtol=0.0, atol=tolerance)
