"""Recordings as a voice of YourTTS: the vector that its speaker encoder hears in them.

Casanova et al. 2022, arXiv:2112.02418, section 2; windows and means are those of Coqui's inference.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from vivavoce.audio.features import extract
from vivavoce.audio.recording import LONG_SILENCE_S, check_recording
from vivavoce.audio.resample import resample
from vivavoce.audio.specs import SPEAKER_16K
from vivavoce.errors import VoiceError
from vivavoce.nn.speaker import SpeakerNetwork
from vivavoce.types import Audio, Voice

FAMILY = "vits"
RATE = SPEAKER_16K.sample_rate
SHORTEST_S = 1.0
WINDOW = 250 * SPEAKER_16K.hop_length
"""Samples that are heard at once: 2.5 s."""

WINDOWS = 10
"""Of each recording, at equal distances from its start to its end."""

ADVICE = "Give some seconds of speech; three to thirty are best."


class SpeakerListener(Protocol):
    """A model that may have an encoder of speakers."""

    speaker_encoder: SpeakerNetwork | None


def make_voice(
    model: SpeakerListener,
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
            "This model has no speaker encoder, so it makes no voices from recordings.",
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
    with torch.no_grad():
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


def embedding(encoder: SpeakerNetwork, audio: Audio) -> Tensor:
    """`[D]` float32 on the CPU: the mean of the windows' unit vectors."""
    samples = resample(np.asarray(audio.samples, np.float32), audio.sample_rate, RATE)
    mel = extract(torch.from_numpy(windows(samples)), SPEAKER_16K)
    unit = F.normalize(encoder.describe(mel.to(encoder.conv1.weight)), dim=1)
    return unit.float().cpu().mean(0)


def windows(samples: np.ndarray) -> np.ndarray:
    """`[S]` as `[N, WINDOW]`; a recording that is no longer than a window is the only one."""
    if len(samples) <= WINDOW:
        return samples[None]
    starts = np.linspace(0, len(samples) - WINDOW, WINDOWS).astype(int)
    return np.stack([samples[start : start + WINDOW] for start in starts])
