"""A recording and its words as a voice of F5-TTS and E2.

As the published inference prepares its reference (edges, pauses, loudness, resampler), but for its
faults: nothing is cut without its words, and what cannot be a voice is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vivavoce.audio import edit
from vivavoce.audio.findings import Finding, require
from vivavoce.audio.loudness import rms, to_db
from vivavoce.audio.recording import SILENT_DB, check_recording
from vivavoce.audio.resample import resample_as_published
from vivavoce.audio.transcript import check_transcript
from vivavoce.errors import VoiceError
from vivavoce.types import Audio, Voice

FAMILY = "f5"
SAMPLE_RATE = 24_000
TARGET_RMS = 0.1
"""Quieter references are raised to it; louder ones stay."""

PAUSE_DB = -50.0
LONGEST_PAUSE_S = 2.0
TAIL_S = 0.05
SHORTEST_S = 1.0
LONGEST_S = 15.0
"""The window that the models speak well in, reference included, is 22 s."""

CUT_AFTER_S = 4.0
CUT_BEFORE_S = 12.0
CUT_PAUSE_S = 0.1
ADVICE = "Give one to fifteen seconds of speech; three to twelve are best."


def make_voice(
    audio: Audio | Sequence[Audio],
    transcript: str,
    name: str,
    language: str = "en",
    licence: str = "",
    transcriber: Callable[[Audio, str], str] | None = None,
) -> Voice:
    """The voice heard in 1 to 15 s of speech whose words are `transcript`.

    Its tensors: `samples` `[S]` float32, 24 kHz, raised to an RMS of 0.1 where below, and `rms`, a
    scalar, the recording's own. Without a transcript the `transcriber` (audio, language -> words)
    is asked; only then is a longer recording cut, at its longest pause between 4 and 12 s. Its
    `warnings` say what is doubtful about the recording and the words.
    Raises AudioError (empty, silent, NaN, not mono), VoiceError (several recordings, too short, too
    long, a transcript that is missing or cannot be of this recording).
    """
    if not isinstance(audio, Audio):
        raise VoiceError(
            f"There are {len(audio)} recordings; models of this family use one.",
            "Give one recording of 3 to 12 s.",
        )
    report = check_recording(audio, shortest_s=SHORTEST_S, advice=ADVICE)
    speech = edit.shorten_pauses(report.require(), LONGEST_PAUSE_S, PAUSE_DB)
    words = " ".join(transcript.split())
    if not words and transcriber is not None:
        speech = _cut_at_pause(speech)
        words = " ".join(transcriber(speech, language).split())
    doubts = _fit(speech, words, language)
    samples, level = _levelled(edit.pad(speech, after_s=TAIL_S))
    tensors = {"samples": samples, "rms": torch.tensor(level, dtype=torch.float32)}
    warnings = (*report.warnings, *(doubt.message() for doubt in doubts))
    return Voice(name, FAMILY, tensors, language, words, licence, warnings)


def reference(voice: Voice) -> tuple[Tensor, float]:
    """The voice's samples `[S]`, 24 kHz, and the factor that makes speech as loud as the recording.

    Raises VoiceError for a voice of another family or one that lacks what F5 needs.
    """
    voice.require_family(FAMILY, "Make it again from its recording: vivavoce voices add.")
    samples = voice.tensors.get("samples", torch.zeros(0))
    level = voice.tensors.get("rms", torch.zeros(1))
    whole = (
        samples.dim() == 1
        and len(samples) >= SHORTEST_S * SAMPLE_RATE
        and samples.dtype == torch.float32
        and level.numel() == 1
        and float(level) > 0.0
        and bool(voice.transcript.strip())
    )
    if not whole:
        raise VoiceError(
            f"The voice '{voice.name}' lacks its recording, its loudness or its words.",
            "Make it again: vivavoce voices add.",
        )
    return samples, min(1.0, float(level) / TARGET_RMS)


def describe_voice(voice: Voice) -> dict[str, Any]:
    """What a person may want to know of the reference: `duration_s`, `loudness_db`."""
    samples, _ = reference(voice)
    return {
        "duration_s": round(len(samples) / SAMPLE_RATE, 2),
        "loudness_db": round(to_db(float(voice.tensors["rms"])), 1),
    }


def _cut_at_pause(speech: Audio) -> Audio:
    if speech.duration_s <= LONGEST_S:
        return speech
    found = [
        (end - start, start)
        for start, end in edit.pauses(speech, CUT_PAUSE_S, SILENT_DB)
        if CUT_AFTER_S <= start <= CUT_BEFORE_S
    ]
    if not found:
        raise _too_long(speech, "It has no pause at which it can be cut.")
    return edit.cut(speech, 0.0, max(found)[1])


def _fit(speech: Audio, words: str, language: str) -> tuple[Finding, ...]:
    """What is doubtful about the words. Raises VoiceError where they cannot be what is said."""
    found = check_transcript(words, speech.duration_s, language)
    require(tuple(f for f in found if f.name == "no transcript"))
    if speech.duration_s > LONGEST_S:
        raise _too_long(speech, "")
    require(found)
    return found


def _too_long(speech: Audio, why: str) -> VoiceError:
    return VoiceError(
        f"The recording holds {speech.duration_s:.1f} s of speech; the limit is {LONGEST_S:g} s"
        f" at most. {why}".rstrip(),
        "Give the seconds to use (--start, --end) and their transcript.",
    )


def _levelled(audio: Audio) -> tuple[Tensor, float]:
    """At 24 kHz and loud enough, and the RMS before: measured as upstream does, tail included."""
    level = rms(audio.samples)
    samples = torch.from_numpy(audio.samples * np.float32(max(1.0, TARGET_RMS / level)))
    # what the published models were fed with: differs from soxr at the band's edge
    samples = resample_as_published(samples[None], audio.sample_rate, SAMPLE_RATE)[0]
    return samples.contiguous(), level
