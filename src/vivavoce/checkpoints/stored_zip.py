"""The stored entries of a zip, as views of the mapped file. Nothing is ever unpacked."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

import numpy as np

from vivavoce.checkpoints import mapped
from vivavoce.errors import BadCheckpoint
from vivavoce.limits import DAMAGED

MAX_INDEX_BYTES = 8 << 20
"""Of the list of entries: some 100,000 of them. Each takes ten times as much memory."""

_END = struct.Struct("<4s4H2LH")  # of the end record: signature, counts, size, place, comment
_END64 = struct.Struct("<4sQ2H2L4Q")


class StoredZip:
    """Iterating gives the entries' names. Raises BadCheckpoint, zipfile.BadZipFile, OSError."""

    def __init__(self, file: IO[bytes]) -> None:
        self.bytes = mapped.map_open(file)
        _check_index(self.bytes[-(1 << 17) :])
        with zipfile.ZipFile(file) as archive:
            self._entries = {info.filename: info for info in archive.infolist()}
            self._end_of_last = archive.start_dir
        self._ends = self._entry_ends()

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def read(self, name: str, most: int) -> bytes:
        """A copy of a small entry's bytes."""
        info = self._entries.get(name)
        if info is not None and info.file_size > most:
            raise BadCheckpoint(
                f"Its entry '{name[:200]}' has {info.file_size} bytes; the limit is {most}."
            )
        return bytes(self.entry(name))

    def entry(self, name: str) -> np.ndarray:
        """One entry's bytes `[N]`, checked against its neighbours and its checksum."""
        info = self._entries.get(name)
        short = name.partition("/")[2][:100]  # without the archive's own folder
        if info is None:
            raise BadCheckpoint(f"Its entry '{short}' is missing.")
        if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
            raise BadCheckpoint(f"Its entry '{short}' is compressed, which PyTorch never does.")
        header = self.bytes[info.header_offset : info.header_offset + 30]
        if len(header) < 30 or header[:4] != b"PK\3\4":
            raise BadCheckpoint(
                f"Its entry '{short}' is not at the offset in the zip directory.", DAMAGED
            )
        start = info.header_offset + 30 + sum(struct.unpack_from("<HH", header, 26))
        if start + info.file_size > self._ends[info.header_offset]:
            raise BadCheckpoint(f"Its entry '{short}' is damaged or overlaps another.", DAMAGED)
        content = mapped.piece(self.bytes, start, start + info.file_size)
        # torch writes 0 where its checksums are switched off.
        if info.CRC and zlib.crc32(content.data) != info.CRC:
            raise BadCheckpoint(f"Its entry '{short}' is damaged.", DAMAGED)
        mapped.rest(content)
        return content

    def _entry_ends(self) -> dict[int, int]:
        """Where each entry has to end, by where it begins: no two may share bytes."""
        starts = sorted(info.header_offset for info in self._entries.values())
        if len(set(starts)) != len(starts):
            raise BadCheckpoint("Two entries of the zip archive start at the same offset.")
        return dict(zip(starts, [*starts[1:], self._end_of_last], strict=True)) if starts else {}


def _check_index(tail: bytes) -> None:
    """Refuse a huge list of entries before it is read."""
    place = tail.rfind(b"PK\5\6")
    size = 0
    if place >= 0 and len(tail) - place >= _END.size:
        size = _END.unpack_from(tail, place)[5]
    place = tail.rfind(b"PK\6\6")
    if size == 0xFFFFFFFF and place >= 0 and len(tail) - place >= _END64.size:
        size = _END64.unpack_from(tail, place)[8]
    if size > MAX_INDEX_BYTES:
        raise BadCheckpoint(f"The zip directory has {size} bytes; the limit is {MAX_INDEX_BYTES}.")
