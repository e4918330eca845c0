"""Recordings as a voice of YourTTS: the vector that its speaker encoder hears in them.

Casanova et al. 2022, arXiv:2112.02418, section 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch

from vivavoce.audio.recording import LONG_SILENCE_S, check_recording
from vivavoce.errors import VoiceError
from vivavoce.models.speaker import SpeakerListener, embedding
from vivavoce.types import Audio, Voice

FAMILY = "vits"
SHORTEST_S = 1.0
ADVICE = "Give some seconds of speech; three to thirty are best."


class Listening(Protocol):
    """A model that may have an encoder of speakers."""

    speaker_encoder: SpeakerListener | None


def make_voice(
    model: Listening,
    recordings: Audio | Sequence[Audio],
    name: str,
    language: str = "en",
    licence: str = "",
    transcript: str = "",
) -> Voice:
    """The voice heard in recordings of one speaker, each with 1 s of speech or more.

    Its tensors: `embedding` `[D]`, the mean over windows and recordings (the model brings it to
    length 1), and `heard_s`, a scalar. No words are needed: a transcript is only kept. Raises
    VoiceError (no encoder, no recording, too short), AudioError (silent, NaN, not mono).
    """
    if model.speaker_encoder is None:
        raise VoiceError(
            "This model has no speaker encoder, so it cannot make voices from recordings.",
            "Import its checkpoint again with its model_se.pth beside it, or choose a speaker.",
        )
    several = [recordings] if isinstance(recordings, Audio) else list(recordings)
    if not several:
        raise VoiceError("There is no recording.", ADVICE)
    reports = [
        check_recording(
            audio,
            shortest_s=SHORTEST_S,
            keep_s=LONG_SILENCE_S,
            advice=ADVICE,
            what=f"Recording {number}" if len(several) > 1 else "The recording",
        )
        for number, audio in enumerate(several, 1)
    ]
    heard = [report.require() for report in reports]
    vectors = torch.stack([embedding(model.speaker_encoder, audio) for audio in heard])
    seconds = torch.tensor(sum(audio.duration_s for audio in heard), dtype=torch.float32)
    warnings = tuple(warning for report in reports for warning in report.warnings)
    return Voice(
        name,
        FAMILY,
        {"embedding": vectors.mean(0), "heard_s": seconds},
        language,
        " ".join(transcript.split()),
        licence,
        warnings,
    )
