"""Which operators a macOS build of torch registers for MPS, read from the library's machine code.

Knows just enough of Mach-O and arm64: symbols, and the addresses that `adrp`+`add` and `adr`
compute, which is how the registering functions get at the operators' names.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

import numpy as np

SEGMENT, SYMBOLS = 0x19, 0x2
NAME = re.compile(rb"[a-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)?")
REGISTRATION = re.compile(rb"TORCH_LIBRARY_IMPL_init_aten_MPS_")
GENERATED = b"_GLOBAL__N_1"
"""The generated registrations sit in an anonymous namespace, those written by hand do not."""

ENTRY = np.dtype([("name", "<u4"), ("kind", "u1"), ("part", "u1"), ("flags", "<u2"), ("at", "<u8")])


def registered(library: bytes) -> tuple[set[str], set[str]]:
    """Operators (without `aten::`) that generated code registers, and those registered by hand."""
    sections, symbols = _layout(library)
    code_at, code_offset, _ = sections["__text"]
    text_at, text_offset, text_size = sections["__cstring"]
    generated: set[str] = set()
    by_hand: set[str] = set()
    for symbol, start, end in _functions(library, symbols):
        place = start - code_at + code_offset
        names = generated if GENERATED in symbol else by_hand
        for address in _addresses(library[place : place + end - start], start):
            if text_at <= address < text_at + text_size:
                text = address - text_at + text_offset
                found = library[text : library.find(b"\0", text)]
                if NAME.fullmatch(found):
                    names.add(found.decode())
    return generated, by_hand


def _layout(library: bytes) -> tuple[dict[str, tuple[int, int, int]], tuple[int, int, int]]:
    """Sections by name as (address, offset, size); symbol table as (offset, count, strings)."""
    magic, *_, commands, _, _, _ = struct.unpack_from("<8I", library)
    if magic != 0xFEEDFACF:
        raise SystemExit("not a 64-bit Mach-O library")
    sections, symbols, at = {}, (0, 0, 0), 32
    for _ in range(commands):
        command, size = struct.unpack_from("<2I", library, at)
        if command == SEGMENT:
            for section in range(at + 72, at + size, 80):
                name = library[section : section + 16].rstrip(b"\0").decode()
                address, length, offset = struct.unpack_from("<2QI", library, section + 32)
                sections.setdefault(name, (address, offset, length))
        elif command == SYMBOLS:
            symbols = struct.unpack_from("<3I", library, at + 8)
        at += size
    return sections, symbols


def _functions(library: bytes, symbols: tuple[int, int, int]) -> Iterator[tuple[bytes, int, int]]:
    """Name, begin and end of every function that registers MPS kernels in `aten`."""
    table, count, strings = symbols
    entries = np.frombuffer(library, ENTRY, count, table)
    starts = np.unique(entries["at"][(entries["kind"] & 0xE) == 0xE])
    for match in REGISTRATION.finditer(library, strings):
        begin = library.rfind(b"\0", 0, match.start()) + 1
        name = library[begin : library.find(b"\0", begin)]
        for start in entries["at"][(entries["name"] == begin - strings) & (entries["at"] > 0)]:
            end = starts[np.searchsorted(starts, start, side="right")]
            yield name, int(start), int(end)


def _addresses(code: bytes, start: int) -> Iterator[int]:
    """Every address that the code puts together, in order."""
    pages: dict[int, int] = {}
    for i, (word,) in enumerate(struct.iter_unpack("<I", code)):
        register, here = word & 31, start + 4 * i
        if word & 0x1F000000 == 0x10000000:  # adr, adrp: 21 signed bits
            value = (word >> 5 & 0x7FFFF) << 2 | word >> 29 & 3
            value -= (value >> 20) << 21
            if word >> 31:
                pages[register] = (here & ~0xFFF) + (value << 12)
            else:
                yield here + value
        elif word & 0xFF800000 == 0x91000000 and (word >> 5 & 31) in pages:  # add, 12 bits
            yield pages[word >> 5 & 31] + ((word >> 10 & 0xFFF) << 12 * (word >> 22 & 1))
