"""What a recording must be before a voice is made of it. Knows no model and no files."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vivavoce.audio import edit
from vivavoce.audio.loudness import rms_db
from vivavoce.errors import AudioError, VoiceError
from vivavoce.types import Audio

SILENT_DB = -42.0
LARGEST_SAMPLE = 8.0
"""Beyond it samples are not floats around full scale, but integers or noise."""


def require_speech(
    audio: Audio, at_least_s: float, advice: str, what: str = "The recording"
) -> Audio:
    """The recording, float32, without the silence at its ends.

    Raises AudioError (not mono, empty, not floats, NaN, silent) and VoiceError (what is left is
    shorter than `at_least_s`); `advice` says how much speech to give, `what` begins the messages.
    """
    samples = np.asarray(audio.samples)
    if samples.ndim != 1:
        raise AudioError(f"Samples of shape {samples.shape} are not mono.", "Give shape [S].")
    if not len(samples):
        raise AudioError(f"{what} is empty.", advice)
    if not np.issubdtype(samples.dtype, np.floating):
        raise AudioError(f"{what} holds {samples.dtype} samples.", "Give floats between -1 and 1.")
    if not np.isfinite(samples).all():
        raise AudioError(f"{what} holds NaN or infinite samples.", "Export it again.")
    largest = float(np.abs(samples).max())
    if largest > LARGEST_SAMPLE:
        raise AudioError(f"Samples reach {largest:.4g}.", "Give floats between -1 and 1.")
    audio = replace(audio, samples=samples.astype(np.float32, copy=False))
    speech = edit.trim_silence(audio, SILENT_DB)
    if not len(speech.samples):
        raise AudioError(
            f"{what} is silent, or nearly (RMS {rms_db(audio.samples):.0f} dB).",
            "Check the file and the microphone; record closer or louder.",
        )
    if speech.duration_s < at_least_s:
        raise VoiceError(
            f"{what} holds {speech.duration_s:.2f} s of speech; {at_least_s:g} s is the least.",
            advice,
        )
    return speech
