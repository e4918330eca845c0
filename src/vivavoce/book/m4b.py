"""An m4b file: AAC, chapters in the two ways that players read, cover and tags (extra `media`)."""

from __future__ import annotations

import itertools
import struct
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vivavoce.audio import mp4
from vivavoce.audio.formats import AAC_RATES, FORMATS
from vivavoce.audio.media import require_av
from vivavoce.audio.resample import resample_pieces
from vivavoce.book.types import Book
from vivavoce.errors import OutputError

if TYPE_CHECKING:
    from vivavoce.book.outputs import Track

BIT_RATE = 64_000
BLOCK = 1 << 16
AUDIOBOOK = 2
"""What Apple's players take for an audiobook rather than music."""

LANGUAGES = {
    "ar": "ara", "cs": "ces", "de": "deu", "en": "eng", "es": "spa", "fr": "fra", "hi": "hin",
    "hu": "hun", "it": "ita", "ja": "jpn", "ko": "kor", "nl": "nld", "pl": "pol", "pt": "por",
    "ru": "rus", "tr": "tur", "zh": "zho", "he": "heb", "sv": "swe", "da": "dan", "fi": "fin",
}  # fmt: skip
"""ISO 639-2, as the container has it."""


def write(
    path: Path,
    book: Book,
    tracks: Sequence[Track],
    pieces: Iterator[NDArray[np.float32]],
    sample_rate: int,
) -> None:
    """Writes the file at `path`. Until the end its frames lie in a temporary file beside it.

    `pieces` are mono samples `[s]` at `sample_rate` Hz. Raises OutputError.
    """
    av = require_av()
    rate = FORMATS["m4a"].rate_for(sample_rate)
    assert rate in AAC_RATES  # noqa: S101 - what `rate_for` promises
    if rate != sample_rate:
        pieces = resample_pieces(pieces, sample_rate, rate)
    language = LANGUAGES.get(book.language.partition("-")[0].lower(), mp4.UNKNOWN)
    try:
        with tempfile.TemporaryFile(dir=path.parent) as spool:
            frames = mp4.Frames(spool)
            sound = replace(_encoded(av, pieces, rate, frames), language=language)
            frames.write(path, sound, _labels(book, tracks))
    except (av.error.FFmpegError, OSError) as error:
        reason = (error.strerror or str(error)).rstrip(".")
        raise OutputError(
            f"Cannot write {path.name}: {reason}.", "Check the free space and the permissions."
        ) from error


def _encoded(
    av: Any, pieces: Iterator[NDArray[np.float32]], rate: int, frames: mp4.Frames
) -> mp4.AacTrack:
    """Puts the frames of AAC there, and says what they are."""
    codec = av.CodecContext.create("aac", "w")
    codec.sample_rate, codec.layout, codec.format, codec.bit_rate = rate, "mono", "fltp", BIT_RATE
    codec.flags |= av.codec.context.Flags.global_header  # what a decoder must know, apart
    begin = end = position = 0
    for samples in itertools.chain(pieces, [None]):
        for packet in _packets(av, codec, samples, rate, position):
            begin, end = min(begin, packet.pts), packet.pts + packet.duration
            frames.add(bytes(packet))
        position += 0 if samples is None else len(samples)
    last = (end - begin - 1) % codec.frame_size + 1
    return mp4.AacTrack(rate, BIT_RATE, codec.extradata, codec.frame_size, last, -begin)


def _packets(
    av: Any, codec: Any, samples: NDArray[np.float32] | None, rate: int, position: int
) -> Iterator[Any]:
    """Of samples that begin at `position`; None for the end."""
    if samples is None:
        yield from codec.encode(None)
        return
    for start in range(0, len(samples), BLOCK):
        block = np.ascontiguousarray(samples[None, start : start + BLOCK], np.float32)
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = rate, position + start
        yield from codec.encode(frame)


def _labels(book: Book, tracks: Sequence[Track]) -> mp4.Labels:
    authors, cover = ", ".join(book.authors), book.cover
    tags = {
        "©nam": book.title,
        "©alb": book.title,
        "©ART": authors,
        "aART": authors,
        "©wrt": "synthetic voice",
        "©gen": "Audiobook",
        "©day": book.date[:4],
        "©cmt": "Read by a synthetic voice (vivavoce).",
        "desc": book.description,
        "stik": AUDIOBOOK,
        "covr": cover.data if cover and picture_size(cover.data) else b"",
    }
    known = {name.encode("latin-1"): value for name, value in tags.items() if value}
    chapters = [(round(1000 * track.start_s), track.title) for track in tracks]
    return mp4.Labels(chapters, round(1000 * tracks[-1].end_s), known)


def picture_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG or JPEG in pixels; None for anything else."""
    if data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
        return (width, height) if width and height else None
    if data[:2] != b"\xff\xd8":
        return None
    place = 2
    while place + 9 <= len(data) and data[place] == 0xFF:
        marker, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4])
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[place + 5 : place + 9])
            return (width, height) if width and height else None
        place += 2 + length
    return None
