"""Bark's voices: what somebody said before, as codes (Suno's "history prompts")."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from vivavoce.errors import VoiceError
from vivavoce.models.bark.config import BOOKS, COARSE_BOOKS, FRAME_RATE, BarkConfig
from vivavoce.models.bark.stages import History
from vivavoce.types import Voice

FAMILY = "bark"
PARTS = ("semantic", "coarse", "fine")
SHORTEST = 4
"""Codes of each kind, of which half a second has dozens."""
_LANGUAGE = re.compile(r"([a-z]{2})_speaker_\d+")
ADVICE = "Use a history prompt of Bark: an .npz with semantic_prompt, coarse_prompt, fine_prompt."


def from_arrays(name: str, arrays: Mapping[str, Tensor]) -> Voice | None:
    """The voice in the arrays of an .npz file of that name; None where they are none of Bark's."""
    if set(arrays) != {f"{part}_prompt" for part in PARTS}:
        return None
    if any(array.is_floating_point() for array in arrays.values()):
        raise VoiceError(f"The codes in '{name}' are not whole numbers.", ADVICE)
    tensors = {part: arrays[f"{part}_prompt"].to(torch.int32) for part in PARTS}
    stated = _LANGUAGE.fullmatch(name)  # as Suno's own are called
    return Voice(name, FAMILY, tensors, stated[1] if stated else "en")


def history(voice: Voice, config: BarkConfig, device: torch.device) -> History | None:
    """What the stages begin with; None for the voice that is drawn anew for every utterance.

    Raises VoiceError for one that is damaged or of another model.
    """
    if not voice.tensors:
        return None
    if set(voice.tensors) != set(PARTS):
        raise VoiceError(f"The voice '{voice.name}' lacks some of its codes.", ADVICE)
    semantic, coarse, fine = (voice.tensors[part] for part in PARTS)
    shapes = [list(part.shape) for part in (semantic, coarse, fine)]
    flat = semantic.dim() == 1 and coarse.dim() == fine.dim() == 2
    rows = flat and (len(coarse), len(fine)) == (COARSE_BOOKS, BOOKS)
    if not rows or min(len(semantic), coarse.shape[1], fine.shape[1]) < SHORTEST:
        raise VoiceError(f"The codes of the voice '{voice.name}' have shapes {shapes}.", ADVICE)
    expected = coarse.shape[1] / FRAME_RATE * config.semantic_rate
    if round(coarse.shape[1] / len(semantic), 1) != round(FRAME_RATE / config.semantic_rate, 1):
        raise VoiceError(
            f"The voice '{voice.name}' has {len(semantic)} semantic tokens; its codes need "
            f"about {expected:.0f}.",
            ADVICE,
        )
    limits = config.semantic_tokens, config.codes, config.codes
    for part, most in zip((semantic, coarse, fine), limits, strict=True):
        codes = part.numpy()  # files hold them on the CPU
        if codes.dtype.kind not in "iu" or codes.min() < 0 or codes.max() >= most:
            raise VoiceError(f"The voice '{voice.name}' has codes that this model lacks.", ADVICE)
    return History(*(part.long().to(device) for part in (semantic, coarse, fine)))
