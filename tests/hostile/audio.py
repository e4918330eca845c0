"""Hostile and damaged recordings, made from nothing: kinds 5 (unbounded) and 6 (nested)."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import soundfile

RATE = 24_000


@dataclass(frozen=True)
class HostileFile:
    """One file: `expects` says what reading it must end with, in either case within limits."""

    name: str
    data: bytes
    suffix: str
    expects: Literal["refused", "accepted"]


def cases() -> Iterator[HostileFile]:
    """All of them, the same every time."""
    yield from _wav_headers()
    yield from _other_headers()
    yield from _bombs()
    yield from _cut()
    yield from _flipped()
    yield from _nested()
    yield from _empty()


def _sound(n: int = 9000) -> np.ndarray:
    t = np.arange(n) / RATE
    return 0.3 * np.sin(2 * np.pi * 220 * t) * np.sin(2 * np.pi * 3 * t)


def _encoded(container: str, subtype: str | None = None, n: int = 9000) -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, _sound(n), RATE, format=container, subtype=subtype)
    return stream.getvalue()


def wav(
    rate: int = RATE,
    *,
    tag: int = 1,
    channels: int = 1,
    bits: int = 16,
    align: int | None = None,
    fmt_size: int = 16,
    data_size: int | None = None,
    n: int = 9000,
) -> bytes:
    """A wav file whose header says what it is told to, whatever its samples are."""
    samples = (_sound(n) * 32767).astype("<i2").tobytes()
    align = channels * bits // 8 if align is None else align
    fields = tag, channels, rate, rate * align & 0xFFFFFFFF, align & 0xFFFF, bits
    fmt = struct.pack("<HHIIHH", *fields).ljust(min(fmt_size, 64), b"\0")
    size = len(samples) if data_size is None else data_size
    body = b"WAVEfmt " + struct.pack("<I", fmt_size) + fmt + b"data" + struct.pack("<I", size)
    return b"RIFF" + struct.pack("<I", len(body) + len(samples)) + body + samples


def _wav_headers() -> Iterator[HostileFile]:
    for rate in (0, 1, 2, 100, 3999, 384_001, 10**6, 2**31 - 1, 2**31, 2**32 - 1):
        yield HostileFile(f"wav-rate-{rate}", wav(rate), ".wav", "refused")
    for rate in (4000, 384_000):
        yield HostileFile(f"wav-rate-{rate}", wav(rate), ".wav", "accepted")
    for bits in (0, 65_535):
        yield HostileFile(f"wav-bits-{bits}", wav(bits=bits), ".wav", "refused")
    for bits in (1, 3, 7):  # rounded up to whole bytes
        yield HostileFile(f"wav-bits-{bits}", wav(bits=bits), ".wav", "accepted")
    for tag in (0, 0xFFFE, 0x1234, 0xFFFF):
        yield HostileFile(f"wav-tag-{tag:#x}", wav(tag=tag), ".wav", "refused")
    for channels in (0, 65, 1024, 65_535):
        yield HostileFile(f"wav-channels-{channels}", wav(channels=channels), ".wav", "refused")
    yield HostileFile("wav-fmt-huge", wav(fmt_size=2**31), ".wav", "refused")
    yield HostileFile("wav-data-more", wav(data_size=2**30), ".wav", "accepted")
    yield HostileFile("wav-data-unknown", wav(data_size=2**32 - 1), ".wav", "accepted")
    yield HostileFile("wav-data-none", wav(n=0), ".wav", "refused")
    chunks = b"".join(b"junk" + struct.pack("<I", 0) for _ in range(20_000))
    yield HostileFile("wav-20000-chunks", b"RIFF\xff\xff\xff\x7fWAVE" + chunks, ".wav", "refused")
    floats = np.array([0.1, np.nan, np.inf, -np.inf], "<f4").tobytes()
    head = wav(tag=3, bits=32, n=0, data_size=len(floats))
    yield HostileFile("wav-nan", head + floats, ".wav", "refused")
    huge = np.full(5000, 3e38, "<f4").tobytes()
    head = wav(tag=3, bits=32, n=0, data_size=len(huge))
    yield HostileFile("wav-huge-floats", head + huge, ".wav", "accepted")


def _other_headers() -> Iterator[HostileFile]:
    samples = (_sound() * 32767).astype(">i2").tobytes()
    for rate in (0, 1, 2**31, 2**32 - 1):
        for size in (len(samples), 2**32 - 1):
            head = struct.pack(">4sIIIII", b".snd", 24, size, 3, rate, 1)
            yield HostileFile(f"au-rate-{rate}-size-{size:x}", head + samples, ".au", "refused")
    head = struct.pack(">4sIIIII", b".snd", 2**31, len(samples), 3, RATE, 1)
    yield HostileFile("au-offset-beyond", head + samples, ".au", "refused")
    for exponent in (0, 0x3FFF, 0x7FFF):
        rate = struct.pack(">HQ", exponent, 1 << 63)
        common = struct.pack(">hIh", 1, 9000, 16) + rate
        body = b"AIFFCOMM" + struct.pack(">I", 18) + common
        body += b"SSND" + struct.pack(">III", len(samples) + 8, 0, 0) + samples
        data = b"FORM" + struct.pack(">I", len(body)) + body
        yield HostileFile(f"aiff-rate-exponent-{exponent:x}", data, ".aiff", "refused")


def _bombs() -> Iterator[HostileFile]:
    """Silence compresses a thousandfold: 1,200 s in 190 kB."""
    stream = io.BytesIO()
    with soundfile.SoundFile(stream, "w", 48_000, 1, format="FLAC", subtype="PCM_16") as file:
        for _ in range(20):
            file.write(np.zeros(48_000 * 60, np.int16))
    data = bytearray(stream.getvalue())
    yield HostileFile("flac-bomb", bytes(data), ".flac", "refused")
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    yield HostileFile("flac-bomb-of-unknown-length", bytes(data), ".flac", "refused")
    data[21] |= 0x0F
    data[22:26] = b"\xff" * 4
    yield HostileFile("flac-bomb-that-claims-more", bytes(data), ".flac", "refused")


CONTAINERS = (
    ("WAV", None, ".wav"),
    ("FLAC", None, ".flac"),
    ("OGG", "VORBIS", ".ogg"),
    ("OGG", "OPUS", ".opus"),
    ("MP3", None, ".mp3"),
    ("AIFF", None, ".aiff"),
)


def _cut() -> Iterator[HostileFile]:
    """Ends within the header: nothing can be read."""
    for container, subtype, suffix in CONTAINERS:
        data = _encoded(container, subtype)
        for length in (1, 4, 11, 27):
            name = f"{suffix[1:]}-first-{length}-bytes"
            yield HostileFile(name, data[:length], suffix, "refused")


def _flipped() -> Iterator[HostileFile]:
    """A header of noise behind the right first bytes."""
    rng = np.random.default_rng(5)
    magics = (b"RIFF", b"fLaC", b"OggS", b"FORM", b"caff", b".snd", b"\x1aE\xdf\xa3", b"ID3\x04")
    for magic in magics:
        for number in range(3):
            data = magic + rng.integers(0, 256, 4000, np.uint8).tobytes()
            name = f"noise-after-{magic.hex()}-{number}"
            yield HostileFile(name, data, ".wav", "refused")
    for number in range(3):
        noise = rng.integers(0, 256, 4000, np.uint8).tobytes()
        data = b"\0\0\0\x18ftypM4A \0\0\0\0M4A isom" + noise
        yield HostileFile(f"noise-after-ftyp-{number}", data, ".m4a", "refused")


def _nested() -> Iterator[HostileFile]:
    """Lists and scripts that media libraries follow to other files, addresses and devices."""
    targets = ("/etc/passwd", "http://127.0.0.1:9/a.wav", "file:///etc/hostname", "a.wav")
    for number, target in enumerate(targets):
        texts = {
            "m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n",
            "m3u": f"#EXTM3U\n{target}\n",
            "ffconcat": f"ffconcat version 1.0\nfile '{target}'\n",
            "pls": f"[playlist]\nFile1={target}\n",
            "mpd": f"<?xml version='1.0'?><MPD><Period><BaseURL>{target}</BaseURL></Period></MPD>",
            "xspf": f"<playlist><trackList><track><location>{target}</location></track>"
            "</trackList></playlist>",
            "smil": f"<smil><body><audio src='{target}'/></body></smil>",
            "ism": f"<SmoothStreamingMedia><c u='{target}'/></SmoothStreamingMedia>",
            "asx": f"<asx version='3'><entry><ref href='{target}'/></entry></asx>",
            "cue": f'FILE "{target}" WAVE\n  TRACK 01 AUDIO\n    INDEX 01 00:00:00\n',
            "ffmeta": f";FFMETADATA1\ntitle={target}\n",
            "lavfi": f"amovie={target}",
        }
        for suffix in (".wav", ".m4a"):
            for kind, text in texts.items():
                name = f"{kind}-{number}-as-{suffix[1:]}"
                yield HostileFile(name, text.encode(), suffix, "refused")
    sdp = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n"
    yield HostileFile("sdp", sdp.encode(), ".sdp", "refused")


def _empty() -> Iterator[HostileFile]:
    for suffix in (".wav", ".flac", ".mp3", ".m4a", ".ogg"):
        yield HostileFile(f"empty{suffix}", b"", suffix, "refused")
        yield HostileFile(f"zeros{suffix}", bytes(5000), suffix, "refused")
        yield HostileFile(f"text{suffix}", b"Not Found\n" * 50, suffix, "refused")
