"""A recording as levels and as parts, in memory that does not grow with its length."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from vivavoce.audio.containers import Decoded, cut_off
from vivavoce.audio.decode import decode, guarded, opened
from vivavoce.audio.edit import frame_energies
from vivavoce.audio.findings import Finding
from vivavoce.audio.limits import RecordingLimits
from vivavoce.audio.mix import Mixer, only
from vivavoce.data.slicing import FRAME_S
from vivavoce.errors import AudioError
from vivavoce.types import Audio

LONGEST_S = 48 * 3600.0
HELD_S = 120.0
"""A recording up to this long is kept in memory and decoded once."""

LEAST_MISSING_S = 0.1


@dataclass(frozen=True)
class MonoSource:
    """How a file becomes mono: `channel` is the one to take where the mean of all would lose the
    voice, `offset` the constant to take away.
    """

    path: Path
    sample_rate: int
    channel: int | None = None
    offset: float = 0.0


@dataclass(frozen=True)
class Scan:
    """`levels` are mean squares of frames of 10 ms; the last may be shorter. `held` are all samples
    of a short file.
    """

    source: MonoSource
    n_samples: int
    levels: NDArray[np.float64]
    findings: tuple[Finding, ...]
    held: NDArray[np.float32] | None

    @property
    def seconds(self) -> float:
        return self.n_samples / self.source.sample_rate


def scan(path: Path) -> Scan:
    """Decode once. Raises AudioError (empty, damaged, NaN), UnknownFormat, MissingExtra."""
    with guarded(path.name), opened(path, path.name) as handle:
        found = _scan(path, handle, None)
        missing = cut_off(handle)
    if missing and not any(f.name == "truncated" for f in found.findings):
        found = replace(found, findings=(*found.findings, _truncated(found.seconds)))
    return found


def spans(
    source: MonoSource,
    wanted: Sequence[tuple[int, int]],
    held: NDArray[np.float32] | None = None,
) -> Iterator[Audio]:
    """The samples from one to another, for spans in the order of their starts. Without offset.

    Raises AudioError where the file can no longer be read.
    """
    offset, rate = np.float32(source.offset), source.sample_rate
    if held is not None:
        for first, last in wanted:
            yield Audio(held[first:last] - offset, rate)
        return
    kept, begin, name = np.zeros(0, np.float32), 0, source.path.name
    with guarded(name), opened(source.path, name) as handle:
        decoded = decode(handle, name, RecordingLimits(longest_s=LONGEST_S))
        pieces = _mono(decoded, Mixer(decoded.n_channels), source.channel)
        for first, last in wanted:
            while begin + len(kept) < last and (piece := next(pieces, None)) is not None:
                used = max(0, min(first - begin, len(kept)))
                kept, begin = np.concatenate([kept[used:], piece]), begin + used
            yield Audio(kept[first - begin : last - begin] - offset, rate)


def content_hash(path: Path) -> str:
    """Of the bytes of a file. Raises AudioError where it cannot be read."""
    with guarded(path.name), path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _scan(path: Path, handle: BinaryIO, channel: int | None) -> Scan:
    decoded = decode(handle, path.name, RecordingLimits(longest_s=LONGEST_S))
    rate, mixer = decoded.sample_rate, Mixer(decoded.n_channels)
    pieces = _mono(decoded, mixer, channel)
    frame = max(1, round(FRAME_S * rate))
    held: list[NDArray[np.float32]] | None = []
    levels, rest, n, total = [], np.zeros(0, np.float32), 0, 0.0
    for piece in pieces:
        if not np.isfinite(piece).all():
            raise AudioError(f"{path.name} holds NaN or infinite samples.", "Export it again.")
        n, total = n + len(piece), total + float(piece.sum(dtype=np.float64))
        if held is not None:
            held.append(piece)
            held = held if n <= HELD_S * rate else None
        rest = np.concatenate([rest, piece])
        whole = len(rest) - len(rest) % frame
        levels.append(frame_energies(rest[:whole], frame))
        rest = rest[whole:]
    if not n:
        raise AudioError(f"{path.name} holds no samples.", "Record or copy it again.")
    fault = mixer.fault() if channel is None else None
    if fault is not None:
        again = _scan(path, handle, mixer.loudest)
        return replace(again, findings=(fault, *again.findings))
    levels.append(frame_energies(rest, frame))
    missing = decoded.declared_s - n / rate > LEAST_MISSING_S + 0.02 * decoded.declared_s
    findings = (_truncated(n / rate),) if missing else ()
    samples = np.concatenate(held) if held else None
    offset = total / n if abs(total / n) > 1e-4 else 0.0
    source = MonoSource(path, rate, channel, offset)
    return Scan(source, n, np.concatenate(levels), findings, samples)


def _mono(decoded: Decoded, mixer: Mixer, channel: int | None) -> Iterator[NDArray[np.float32]]:
    blocks = decoded.blocks
    return mixer.mean(blocks) if channel is None else only(blocks, channel)


def _truncated(seconds: float) -> Finding:
    return Finding("truncated", seconds, "s", "Copy or download the file again.")
