"""What decides the samples of a voice, as short text: weights, voice, options, version."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vivavoce import __version__

if TYPE_CHECKING:
    from vivavoce.speech.engine import TTS
    from vivavoce.speech.rendering import Request
    from vivavoce.types import Voice


def facts(tts: TTS, request: Request) -> dict[str, str]:
    """By these, passages of another model, voice, seed or number format are told apart.

    What happens to bad speech is not among them: a run that failed may go on another way.
    """
    return of_engine(tts) | of_request(request)


def of_engine(tts: TTS) -> dict[str, str]:
    """Model, vocoder and version. Reads all weights: ask once."""
    return {
        "version": __version__,
        "model": weights(tts.model.state_dict()),
        "vocoder": weights(tts.vocoder.state_dict()),
    }


def of_request(request: Request) -> dict[str, str]:
    """Voice, options and seed."""
    return {
        "voice": _voice(request.voice),
        "options": repr(request.options),
        "seed": str(request.seed),
    }


def weights(tensors: Mapping[str, object]) -> str:
    """A digest of names, types and values."""
    digest = hashlib.blake2b(digest_size=16)
    for name, value in sorted(tensors.items()):
        digest.update(name.encode())
        if isinstance(value, Tensor):
            plain = value.detach().cpu().contiguous()
            digest.update(f"{plain.dtype}{tuple(plain.shape)}".encode())
            digest.update(plain.reshape(-1).view(torch.uint8).numpy().data)
        else:
            digest.update(repr(value).encode())
    return digest.hexdigest()


def _voice(voice: Voice) -> str:
    return f"{voice.family} {weights(voice.tensors)} {voice.language} {voice.transcript}"
