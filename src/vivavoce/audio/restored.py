"""The samples of what an interrupted work kept, up to its last complete utterance."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vivavoce.audio.decode import decode, guarded, opened
from vivavoce.audio.kept import Kept
from vivavoce.audio.limits import RecordingLimits

SLACK_S = 0.1
"""Lossy decoders may give so much less than was encoded."""

AT_ONCE = 1 << 16


def available(kept: Kept, n_samples: int) -> Kept:
    """With the utterances that are complete within so many samples."""
    slack = n_samples + round(SLACK_S * kept.sample_rate)
    return replace(kept, marks=tuple(mark for mark in kept.marks if mark.samples <= slack))


def blocks(kept: Kept) -> Iterator[NDArray[np.float32]]:
    """Mono pieces `[s]`, fewer than it says where its end is missing. Raises AudioError."""
    name, left = str(kept.path), kept.samples
    with guarded(name), opened(kept.path, name) as handle:
        if kept.format == "pcm":
            while data := handle.read(2 * min(AT_ONCE, left)):
                block = np.frombuffer(data[: len(data) // 2 * 2], "<i2").astype(np.float32)
                left -= len(block)
                yield block / np.float32(32768.0)
            return
        for block in decode(handle, name, RecordingLimits(longest_s=math.inf)).blocks:
            yield block[:left, 0].copy()
            left -= min(left, len(block))
            if not left:
                return
