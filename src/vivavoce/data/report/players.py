"""A clip as something to listen to and to look at, inside the page: an MP3 and a spectrogram."""

from __future__ import annotations

import base64
import io as streams
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from vivavoce.audio import io
from vivavoce.audio.loudness import loudness_gain_db
from vivavoce.data.results import PreparedClip
from vivavoce.data.stream import spans
from vivavoce.data.writing import levelled
from vivavoce.errors import AudioError
from vivavoce.train.picture import colour, png
from vivavoce.types import Audio

LONGEST_S = 15.0
SAMPLE_RATE = 24_000
PLAYED_LUFS = -23.0
WIDTH, HEIGHT = 240, 64
RANGE_DB = 70.0


@dataclass(frozen=True)
class Player:
    """Contents for `src` attributes. `cut`: only the beginning is played."""

    sound: str
    picture: str
    cut: bool


def players(clips: Iterable[PreparedClip]) -> dict[str, Player]:
    """Players by the clips' ids; recordings that can no longer be read have none."""
    found: dict[str, Player] = {}
    ordered = sorted(clips, key=lambda one: (one.source, one.clip.first, one.id))
    for _, group in groupby(ordered, key=lambda one: one.source):
        members = list(group)
        rate = members[0].clip.source.sample_rate
        longest = round(LONGEST_S * rate)
        edges = [(o.clip.first, min(o.clip.last, o.clip.first + longest)) for o in members]
        try:
            audios = list(spans(members[0].clip.source, edges))
        except AudioError:
            continue
        for one, audio in zip(members, audios, strict=True):
            gain = one.gain_db or loudness_gain_db(one.clip.lufs, one.clip.peak_db, PLAYED_LUFS)
            cut = len(audio.samples) < one.clip.last - one.clip.first
            found[one.id] = _player(levelled(audio, min(gain, 40.0)), cut)
    return found


def _player(audio: Audio, cut: bool) -> Player:
    stream = streams.BytesIO()
    io.write(stream, audio, "mp3")
    sound = f"data:audio/mpeg;base64,{base64.b64encode(stream.getvalue()).decode()}"
    picture = base64.b64encode(png(colour(spectrogram(audio)))).decode()
    return Player(sound, f"data:image/png;base64,{picture}", cut)


def spectrogram(audio: Audio) -> NDArray[np.float64]:
    """`[HEIGHT, WIDTH]` dB below the loudest, 0 Hz to 12 kHz or to half the rate, row 0 lowest."""
    size = round(0.025 * audio.sample_rate)
    samples = np.pad(audio.samples, (0, max(0, size - len(audio.samples))))
    starts = np.linspace(0, len(samples) - size, WIDTH).astype(int)
    frames = np.stack([samples[s : s + size] for s in starts]) * np.hanning(size)
    power = np.square(np.abs(np.fft.rfft(frames, axis=1)))
    top = min(power.shape[1], round(12_000 * size / audio.sample_rate) + 1)
    edges = np.linspace(0, top, HEIGHT + 1).astype(int)
    bands = np.add.reduceat(power[:, :top], np.minimum(edges[:-1], top - 1), axis=1)
    level = 10 * np.log10(bands + 1e-12)
    return np.maximum(level, level.max() - RANGE_DB).T
