"""Samples as bytes without a container: 16 bit, and the two laws of telephony (ITU-T G.711)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vivavoce.audio.encode import to_int16

MU_BIAS, MU_CLIP = 0x84, 32_635


def linear16(samples: np.ndarray) -> bytes:
    return to_int16(samples).astype("<i2").tobytes()


def mulaw(samples: np.ndarray) -> bytes:
    """One byte a sample: sign, exponent of the biased magnitude, four bits, all inverted."""
    values = to_int16(samples).astype(np.int32)
    magnitude = np.minimum(np.abs(values), MU_CLIP) + MU_BIAS
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    sign = np.where(values < 0, 0x80, 0)
    return (~(sign | (exponent << 4) | mantissa) & 0xFF).astype(np.uint8).tobytes()


def alaw(samples: np.ndarray) -> bytes:
    """One byte a sample of 13 bits: sign, exponent, four bits, even bits inverted."""
    values = to_int16(samples).astype(np.int32) >> 3
    sign = np.where(values >= 0, 0x80, 0)
    magnitude = np.where(values >= 0, values, -values - 1)
    exponent = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int32) - 4, 0)
    shift = np.maximum(exponent, 1)
    mantissa = (magnitude >> shift) & 0x0F
    return ((sign | (exponent << 4) | mantissa) ^ 0x55).astype(np.uint8).tobytes()


ENCODINGS: dict[str, Callable[[np.ndarray], bytes]] = {
    "linear16": linear16,
    "mulaw": mulaw,
    "alaw": alaw,
}
