"""Recordings as a voice of XTTS: the latents its GPT begins with, and its vocoder's speaker.

As the published inference prepares its references, with the published configuration's lengths, but
that what cannot be a voice is refused.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from vivavoce.audio.findings import Finding, RecordingReport
from vivavoce.audio.recording import LONG_SILENCE_S, check_recording
from vivavoce.audio.resample import resample_as_published
from vivavoce.audio.specs import SPEAKER_16K, XTTS_COND_V1, XTTS_COND_V2
from vivavoce.errors import VoiceError
from vivavoce.models.xtts.conditioning import Conditioning
from vivavoce.models.xtts.config import XttsConfig
from vivavoce.models.xtts.mel import scaled_mel
from vivavoce.models.xtts.speaker import SpeakerEncoder
from vivavoce.runtime.float32 import exact_float32
from vivavoce.types import Audio, Voice

FAMILY = "xtts"
SAMPLE_RATE = XTTS_COND_V2.sample_rate
SHORTEST_S = 1.0
SHORTEST_CHUNK_S = 0.33
REFERENCE_PEAK = 0.75
FILTER_S = 0.1
"""Kept behind the last second that is heard, for the resampler: far more than its filter's half."""

LENGTHS = (0.5, 1.1)
"""Of a speaker's vector: 1, less where it is the mean of several."""

ADVICE = "Give some seconds of speech; six to thirty are best."
AGAIN = "Make it again from its recordings: vivavoce voices add."


class Cloner(Protocol):
    """What a model must have for making voices; `mel_stats` is `[M]`."""

    config: XttsConfig
    conditioning: Conditioning
    speaker_encoder: SpeakerEncoder
    mel_stats: Tensor


def make_voice(
    model: Cloner,
    recordings: Audio | Sequence[Audio],
    name: str,
    language: str = "en",
    licence: str = "",
    transcript: str = "",
) -> Voice:
    """The voice heard in recordings of one speaker, each with 1 s of speech or more.

    Its tensors: `latents` `[N, W]`, `embedding` `[D]` (the mean, so a little shorter than 1 where
    there are several), and `heard_s`, a scalar, how many seconds the latents were made of. Longer
    recordings are welcome, but of each only the first `config.reference_s` are heard, and of all
    together the latents are made of the first `config.condition_s`. No words are needed: a
    transcript is only kept. The voice's `warnings` say what is doubtful about the recordings.
    Raises AudioError (empty, silent, NaN, integers, not mono), VoiceError (none, or too short).
    """
    several = [recordings] if isinstance(recordings, Audio) else list(recordings)
    if not several:
        raise VoiceError("There is no recording.", ADVICE)
    reports = [
        _checked(audio, model.config, f"Recording {n}" if len(several) > 1 else "The recording")
        for n, audio in enumerate(several, 1)
    ]
    heard = [_heard(report.require(), model.config) for report in reports]
    speech = torch.cat(heard)[: round(model.config.condition_s * SAMPLE_RATE)]
    # A voice is kept, and heard again elsewhere: it shall not hold a device's rounding.
    with torch.no_grad(), exact_float32(model.mel_stats.device):
        latents, embedding = _latents(model, speech), _embedding(model, heard)
    seconds = torch.tensor(len(speech) / SAMPLE_RATE, dtype=torch.float32)
    tensors = {"latents": latents, "embedding": embedding, "heard_s": seconds}
    warnings = tuple(warning for report in reports for warning in report.warnings)
    words = " ".join(transcript.split())
    return Voice(name, FAMILY, tensors, language, words, licence, warnings)


def reference(voice: Voice, config: XttsConfig) -> tuple[Tensor, Tensor]:
    """The voice's latents `[N, W]` and its speaker's vector `[D]`.

    Raises VoiceError for a voice of another family, of a model of other sizes, or a damaged one.
    """
    voice.require_family(FAMILY, AGAIN)
    if not {"latents", "embedding"} <= voice.tensors.keys():
        raise VoiceError(f"The voice '{voice.name}' lacks its latents or its embedding.", AGAIN)
    latents, embedding = voice.tensors["latents"], voice.tensors["embedding"]
    _require_shape(voice.name, latents, embedding, config)
    numbers = latents.float().numpy(), embedding.float().numpy()  # files hold them on the CPU
    if not all(np.isfinite(part).all() for part in numbers):
        raise VoiceError(f"The voice '{voice.name}' holds NaN or infinite numbers.", AGAIN)
    length = float(np.linalg.norm(numbers[1]))
    if not LENGTHS[0] <= length <= LENGTHS[1]:
        raise VoiceError(
            f"The embedding of the voice '{voice.name}' has length {length:.3g}, not 1:"
            " it would sound like noise, silence or another speaker.",
            AGAIN,
        )
    return latents, embedding


def describe_voice(voice: Voice) -> dict[str, Any]:
    """What a person may want to know: `latents`, how many, and `heard_s` where it was recorded."""
    facts: dict[str, Any] = {"latents": len(voice.tensors.get("latents", ()))}
    if "heard_s" in voice.tensors:
        facts["heard_s"] = round(float(voice.tensors["heard_s"]), 2)
    return facts


def _require_shape(name: str, latents: Tensor, embedding: Tensor, config: XttsConfig) -> None:
    """Without a perceiver any number of latents will do."""
    rows = config.n_latents if config.perceiver else max([1, *latents.shape[:1]])
    wanted = (rows, config.width), (config.speaker.width,)
    found = tuple(latents.shape), tuple(embedding.shape)
    if found != wanted or not latents.is_floating_point() or not embedding.is_floating_point():
        raise VoiceError(
            f"The voice '{name}' was made for another model: its latents and embedding are"
            f" {found[0]} and {found[1]}, this model's {wanted[0]} and {wanted[1]}.",
            AGAIN,
        )


def _checked(audio: Audio, config: XttsConfig, what: str) -> RecordingReport:
    """Silence that is long enough to be worth a word is cut, the rest stays as it was published.

    Of long recordings no more than twice what is heard is looked at.
    """
    looked_at = round(2 * config.reference_s * audio.sample_rate)
    head = replace(audio, samples=audio.samples[:looked_at])
    report = check_recording(
        head, shortest_s=SHORTEST_S, keep_s=LONG_SILENCE_S, advice=ADVICE, what=what
    )
    ahead = max(0, len(audio.samples) - looked_at) / audio.sample_rate
    unheard = report.audio.duration_s + ahead - config.reference_s
    if unheard < FILTER_S or report.errors:
        return report
    unused = Finding("partly used", unheard, "s", "Put the best part first.", "note")
    return replace(report, findings=(*report.findings, unused))


def _heard(audio: Audio, config: XttsConfig) -> Tensor:
    """`[S]` at 22,050 Hz: what is heard of a recording, within ±1. Only that is resampled."""
    longest = math.ceil((config.reference_s + FILTER_S) * audio.sample_rate)
    row = torch.from_numpy(np.array(audio.samples[:longest], np.float32))[None]
    samples = resample_as_published(row, audio.sample_rate, SAMPLE_RATE)[0].clamp(-1.0, 1.0)
    samples = samples[: round(config.reference_s * SAMPLE_RATE)]
    if config.normalise_references:
        samples = samples / samples.abs().max() * REFERENCE_PEAK
    return samples


def _latents(model: Cloner, samples: Tensor) -> Tensor:
    """`[N, W]` float32 on the CPU: the mean over the pieces, or without a perceiver every frame."""
    config = model.config
    if not config.perceiver:
        return _condition(model, samples[None])[0]
    chunk = round(config.condition_chunk_s * SAMPLE_RATE)
    pieces = samples.split(chunk)
    usable = [p for p in pieces if len(p) >= SHORTEST_CHUNK_S * SAMPLE_RATE]
    return torch.cat([_condition(model, piece[None]) for piece in usable]).mean(0)


def _condition(model: Cloner, samples: Tensor) -> Tensor:
    """`[B, S]` to `[B, N, W]`."""
    spec = XTTS_COND_V2 if model.config.perceiver else XTTS_COND_V1
    mel = scaled_mel(samples, spec, model.mel_stats)
    return model.conditioning(mel.to(model.conditioning.encoder.init.weight)).float().cpu()


def _embedding(model: Cloner, heard: Sequence[Tensor]) -> Tensor:
    """`[D]` float32 on the CPU: the mean over the recordings, of length 1 where there is one."""
    rate = SPEAKER_16K.sample_rate
    rows = [resample_as_published(samples[None], SAMPLE_RATE, rate) for samples in heard]
    found = torch.cat([model.speaker_encoder(row).float().cpu() for row in rows])
    return found.mean(0)
