"""Who speaks: a model's own speakers by name or number, mixes of them, and vectors from elsewhere.

Shapes: a speaker's vector `[G]`, the condition of a batch `[B, G, 1]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.errors import UnknownVoice, VoiceError, near_misses
from vivavoce.models.vits.config import VitsConfig
from vivavoce.types import Voice

FAMILY = "vits"
DEFAULT = "default"


class Speaking(Protocol):
    """What a model has to say about its speakers."""

    config: VitsConfig
    speaker_names: tuple[str, ...]
    languages: tuple[str, ...]
    default_speaker: int
    speakers: nn.Embedding | None


def numbered(count: int) -> tuple[str, ...]:
    """Names for speakers that have none."""
    return tuple(str(number) for number in range(count))


def voice(model: Speaking, name: str | None) -> Voice:
    """The speaker of that name or number; of `"a+b"`, the mean of several.

    Raises UnknownVoice with the nearest names.
    """
    language = model.languages[0] if model.languages else "en"
    if model.speakers is None:
        if model.config.speaker_width:
            raise UnknownVoice(
                f"This model has no speaker '{name}'." if name else "This model needs a voice.",
                "Make one from a recording: give --ref recording.wav with the text."
                if model.config.speaker_encoder
                else "Import its checkpoint again with model_se.pth or speakers.json beside it.",
            )
        if name not in (None, DEFAULT, *model.speaker_names):
            raise UnknownVoice(
                f"The model has no speaker '{name}'.", "It has one speaker, and needs no name."
            )
        return Voice(name or DEFAULT, FAMILY, {}, language)
    if name is None:
        return _own(model, (model.default_speaker,), model.speaker_names[model.default_speaker])
    if name in model.speaker_names:
        return _own(model, (_row(model, name),), name)
    return _own(model, tuple(_row(model, part.strip()) for part in name.split("+")), name)


def _row(model: Speaking, name: str) -> int:
    if name in model.speaker_names:
        return model.speaker_names.index(name)
    if name.isdecimal() and int(name) < len(model.speaker_names):
        return int(name)
    count = len(model.speaker_names)
    advice = near_misses(name, model.speaker_names)
    raise UnknownVoice(
        f"The model has no speaker '{name}'.",
        advice or f"It has {count}: {model.speaker_names[0]} to {model.speaker_names[-1]}.",
    )


def _own(model: Speaking, rows: tuple[int, ...], name: str) -> Voice:
    assert model.speakers is not None
    language = model.languages[0] if model.languages else "en"
    weight = model.speakers.weight
    vector = weight[torch.tensor(rows, device=weight.device)].detach().float().mean(0).cpu()
    return Voice(name, FAMILY, {"embedding": vector}, language)


def condition(model: Speaking, voices: Sequence[Voice], device: torch.device) -> Tensor | None:
    """`[B, G, 1]`, None for a model that takes no speaker. Raises VoiceError for other sizes."""
    width = model.config.speaker_width
    if not width:
        return None
    vectors = torch.stack([_vector(voice, width) for voice in voices]).to(device)
    vectors = F.normalize(vectors) if model.config.unit_speakers else vectors
    return vectors.unsqueeze(2)


def _vector(chosen: Voice, width: int) -> Tensor:
    """`[G]` float32."""
    vector = chosen.tensors.get("embedding")
    if vector is None or vector.numel() != width or not bool(vector.isfinite().all()):
        found = "none" if vector is None else f"{vector.numel()}, or some that are not finite"
        raise VoiceError(
            f"The voice '{chosen.name}' should have a vector of {width} finite numbers; it has "
            f"{found}.",
            "Make it again with this model.",
        )
    return vector.float().cpu().flatten()
