"""Who speaks: a model's own speakers by name or number, mixes of them, and vectors from elsewhere.

Shapes: a speaker's vector `[G]`, the condition of a batch `[B, G, 1]`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
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
    """The speaker of that name or number; of `"a+b"` or `"a:3+b:1"`, the mean of several.

    A number behind a colon is a speaker's weight, 1 where there is none. Raises UnknownVoice with
    the nearest names, and for weights that are no positive numbers.
    """
    language = model.languages[0] if model.languages else "en"
    if model.speakers is None:
        if model.config.speaker_width:
            raise UnknownVoice(
                f"This model has no speaker '{name}'." if name else "This model needs a voice.",
                "Make one from a recording: give --ref recording.wav with the text."
                if model.config.listener
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
    parts = [_weighted(model, part.strip()) for part in name.split("+")]
    return _own(model, tuple(row for row, _ in parts), name, tuple(weight for _, weight in parts))


def _weighted(model: Speaking, part: str) -> tuple[int, float]:
    """`"bob:3"` as a row and its weight."""
    name, colon, said = part.rpartition(":")
    if not colon or part in model.speaker_names:
        return _row(model, part), 1.0
    try:
        weight = float(said)
    except ValueError:
        weight = 0.0
    if not 0.0 < weight < math.inf:
        raise UnknownVoice(
            f"The weight of the speaker '{name}' is '{said}'.", "Give a number above 0: a:2+b:1."
        )
    return _row(model, name.strip()), weight


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


def _own(
    model: Speaking, rows: tuple[int, ...], name: str, weights: tuple[float, ...] = (1.0,)
) -> Voice:
    assert model.speakers is not None
    language = model.languages[0] if model.languages else "en"
    weight = model.speakers.weight
    table = weight[torch.tensor(rows, device=weight.device)].detach().float().cpu()
    if model.config.unit_speakers:
        table = F.normalize(table)  # or the longer one would be heard more
    shares = torch.tensor(weights)[:, None]
    vector = (table * shares).sum(0) / shares.sum()
    return Voice(name, FAMILY, {"embedding": vector}, language)


def as_tables(config: VitsConfig, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A model's tensors for programs that know no vectors and no encoder: rows of length 1."""
    kept = {k: t for k, t in tensors.items() if not k.startswith("speaker_encoder.")}
    if config.unit_speakers and "speakers.weight" in kept:
        kept["speakers.weight"] = F.normalize(kept["speakers.weight"].float())
    return kept


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
