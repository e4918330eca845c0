"""Matrices as PNG pictures, with nothing but numpy and zlib."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np

from vivavoce import files

_STOPS = np.array(
    [
        [10, 8, 40],
        [62, 30, 110],
        [130, 48, 122],
        [200, 74, 94],
        [244, 128, 62],
        [252, 196, 92],
        [252, 250, 208],
    ],
    dtype=np.float64,
)
"""Dark to light, evenly spaced."""


def colour(values: np.ndarray) -> np.ndarray:
    """`[H, W]` of any range -> `[H, W, 3]` uint8, row 0 lowest; what is not finite is dark."""
    finite = np.isfinite(values)
    low, high = (values[finite].min(), values[finite].max()) if finite.any() else (0.0, 1.0)
    span = float(high - low) or 1.0
    level = np.where(finite, (np.where(finite, values, low) - low) / span, 0.0)[::-1]
    places = np.linspace(0, 1, len(_STOPS))
    channels = [np.interp(level, places, _STOPS[:, c]) for c in range(3)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


def png(pixels: np.ndarray) -> bytes:
    """`[H, W, 3]` uint8 as the bytes of a PNG file (ISO/IEC 15948: 8-bit RGB, no filter)."""
    height, width, _ = pixels.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n"
    for name, body in ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes())), (b"IEND", b"")):
        data += (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )
    return data


def write_png(path: Path, pixels: np.ndarray) -> None:
    """As `png`, into a file that appears whole or not at all."""
    files.write_bytes(path, png(pixels))
