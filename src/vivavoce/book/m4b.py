"""An m4b file: AAC, chapters in the two ways that players read, cover and tags (extra `media`)."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vivavoce.audio.formats import AAC_RATES, FORMATS
from vivavoce.audio.media import require_av
from vivavoce.audio.resample import resample_pieces
from vivavoce.book.types import Book, Cover
from vivavoce.errors import OutputError

if TYPE_CHECKING:
    from vivavoce.book.outputs import Track

BIT_RATE = 64_000
BLOCK = 1 << 16
OPTIONS = {"brand": "M4B ", "movflags": "+faststart", "fflags": "+bitexact"}
"""The beginning of the file names all chapters, and nothing in it depends on the day."""

AUDIOBOOK = "2"
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
    """Writes the file at `path`, which must be the real one: its end is moved to its beginning.

    `pieces` are mono samples `[s]` at `sample_rate` Hz. Raises OutputError.
    """
    av = require_av()
    rate = FORMATS["m4a"].rate_for(sample_rate)
    assert rate in AAC_RATES  # noqa: S101 - what `rate_for` promises
    if rate != sample_rate:
        pieces = resample_pieces(pieces, sample_rate, rate)
    try:
        with av.open(str(path), "w", format="mp4", container_options=OPTIONS) as container:
            _fill(av, container, book, tracks, pieces, rate)
    except av.error.FFmpegError as error:
        reason = (error.strerror or str(error)).rstrip(".")
        raise OutputError(
            f"Cannot write {path.name}: {reason}.", "Check the free space and the permissions."
        ) from error


def _fill(
    av: Any,
    container: Any,
    book: Book,
    tracks: Sequence[Track],
    pieces: Iterator[NDArray[np.float32]],
    rate: int,
) -> None:
    stream = container.add_stream("aac", rate=rate, layout="mono")
    stream.bit_rate = BIT_RATE
    if language := LANGUAGES.get(book.language.partition("-")[0].lower()):
        stream.metadata["language"] = language
    cover = _cover_stream(av, container, book.cover) if book.cover else None
    container.metadata.update(_tags(book))
    container.set_chapters(_marks(tracks))
    if cover is not None and book.cover is not None:
        packet = av.Packet(book.cover.data)
        packet.stream, packet.pts, packet.dts, packet.is_keyframe = cover, 0, 0, True
        packet.time_base = Fraction(1, 90000)
        container.mux(packet)
    position = 0
    for samples in pieces:
        for start in range(0, len(samples), BLOCK):
            block = np.ascontiguousarray(samples[None, start : start + BLOCK], np.float32)
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = rate, position
            position += block.shape[1]
            container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _marks(tracks: Sequence[Track]) -> list[dict[str, Any]]:
    return [
        {
            "id": number,
            "start": round(1000 * track.start_s),
            "end": round(1000 * track.end_s),
            "time_base": Fraction(1, 1000),
            "metadata": {"title": track.title},
        }
        for number, track in enumerate(tracks)
    ]


def _tags(book: Book) -> dict[str, str]:
    authors = ", ".join(book.authors)
    tags = {
        "title": book.title,
        "album": book.title,
        "artist": authors,
        "album_artist": authors,
        "composer": "synthetic voice",
        "genre": "Audiobook",
        "date": book.date[:4],
        "comment": "Read by a synthetic voice (vivavoce).",
        "description": book.description,
        "media_type": AUDIOBOOK,
    }
    return {name: value for name, value in tags.items() if value}


def _cover_stream(av: Any, container: Any, cover: Cover) -> Any:
    """A stream for the picture; None where its size cannot be read."""
    size = picture_size(cover.data)
    if size is None:
        return None
    codec = "png" if cover.media_type == "image/png" else "mjpeg"
    stream = container.add_mux_stream(codec, width=size[0], height=size[1])
    stream.time_base = Fraction(1, 90000)
    stream.disposition = av.stream.Disposition.attached_pic
    return stream


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
