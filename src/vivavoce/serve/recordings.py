"""Recordings from strangers: what they are shows in their first bytes, and nothing else is opened.

Decoded in memory, at most a minute, whatever their headers say.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from vivavoce.audio.media import require_av
from vivavoce.serve.errors import ApiError, invalid
from vivavoce.types import Audio

LONGEST_S, DECODING_S = 60.0, 5.0
RATES = (8_000, 192_000)
QUIETEST = 1e-3  # root mean square: 60 dB below full scale
FLATTEST = 0.05  # deviation of the level from moment to moment, as a share of its mean
CLIPPED = 0.02  # of all samples at full scale


def read_recording(data: bytes, param: str, shortest_s: float = 1.0) -> Audio:
    """Speech of `shortest_s` to 60 s, mono, at its own rate. Raises ApiError 400."""
    form = container_of(data)
    if form is None:
        message = "This is not a wav, flac, ogg, mp3, aac, mp4 or webm recording."
        raise invalid("bad_audio", message, param)
    try:
        audio = _decoded(data, form, param)
    except (OSError, ValueError, EOFError) as error:  # FFmpeg's errors are OSErrors or ValueErrors
        raise invalid("bad_audio", "The recording cannot be decoded.", param) from error
    _require_speech(audio, param, shortest_s)
    return audio


def container_of(data: bytes) -> str | None:
    """FFmpeg's name of a container we read, by its first bytes."""
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return "wav"
    if data[4:8] == b"ftyp":
        return "mov"
    for magic, form in ((b"fLaC", "flac"), (b"OggS", "ogg"), (b"\x1aE\xdf\xa3", "matroska")):
        if data.startswith(magic):
            return form
    if data[:3] == b"ID3":
        return "mp3"
    if len(data) > 2 and data[0] == 0xFF and data[1] & 0xE0 == 0xE0:
        return "aac" if data[1] & 0x06 == 0 else "mp3"
    return None


def _decoded(data: bytes, form: str, param: str) -> Audio:
    av = require_av()
    options = {"protocol_whitelist": "none"}  # a file may not name another one
    with av.open(io.BytesIO(data), format=form, options=options) as container:
        if not container.streams.audio:
            raise invalid("bad_audio", "The recording holds no audio.", param)
        rate = container.streams.audio[0].rate
        if not RATES[0] <= rate <= RATES[1]:
            raise invalid("bad_audio", f"The sample rate is {rate} Hz.", param)
        parts = list(_bounded(av, container, rate, param))
    samples = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    return Audio(samples, rate)


def _bounded(av: Any, container: Any, rate: int, param: str) -> Iterator[np.ndarray]:
    """Mono pieces, until there are too many of them."""
    planar = av.AudioResampler(format="fltp", rate=rate)
    latest = time.monotonic() + DECODING_S
    count = 0
    for frame in container.decode(audio=0):
        if frame.layout.nb_channels > 2:
            raise invalid("bad_audio", "The recording has more than two channels.", param)
        for part in planar.resample(frame):
            samples = part.to_ndarray().mean(axis=0, dtype=np.float32)
            count += len(samples)
            if count > LONGEST_S * rate:
                message = f"The recording is longer than {LONGEST_S:.0f} s."
                raise invalid("audio_too_long", message, param)
            yield samples
        if time.monotonic() > latest:
            raise invalid("bad_audio", "Decoding the recording took too long.", param)


def _require_speech(audio: Audio, param: str, shortest_s: float) -> None:
    """Raises ApiError for what cannot be somebody speaking."""
    samples = audio.samples
    problem = ""
    if audio.duration_s < shortest_s:
        problem = f"lasts {audio.duration_s:.1f} s; at least {shortest_s:.0f} s are needed"
    elif not np.isfinite(samples).all():
        problem = "holds NaN or infinite samples"
    elif float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) < QUIETEST:
        problem = "is silent"
    elif float(np.mean(np.abs(samples) > 0.999)) > CLIPPED:
        problem = "is clipped; record it more quietly"
    elif _is_steady(samples, audio.sample_rate):
        problem = "is a steady sound without words"
    if problem:
        raise invalid("bad_audio", f"The recording {problem}.", param)


def _is_steady(samples: np.ndarray, rate: int) -> bool:
    """Whether it is never quieter than elsewhere: speech has syllables and pauses."""
    size = max(1, rate // 20)
    frames = samples[: len(samples) // size * size].reshape(-1, size)
    levels = np.sqrt(np.mean(np.square(frames, dtype=np.float64), axis=1))
    return bool(levels.std() < FLATTEST * levels.mean())


def too_long(size: int, limit: int, param: str) -> ApiError:
    """400 for a recording with too many bytes."""
    message = f"The recording has {size:,} bytes; at most {limit:,} are allowed."
    return invalid("audio_too_long", message, param)
