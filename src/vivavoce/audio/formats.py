"""The audio file formats that can be written, by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vivavoce.errors import UnknownFormat, UsageError, near_misses

MEDIA_SUFFIXES = frozenset({"m4a", "m4b", "mp4", "aac", "webm", "mka", "mkv", "mov", "wma", "amr"})
"""Read through FFmpeg (extra `media`); everything else that can be read, by libsndfile."""


@dataclass(frozen=True, kw_only=True)
class Format:
    """`container` and `subtype` in libsndfile's words, FFmpeg's container where `media`.

    `rates` are the sample rates it can hold, Hz, rising; empty means any. `pcm` is samples alone:
    signed 16 bit, low byte first, one channel, and nothing that says so.
    """

    name: str
    container: str
    subtype: str = ""
    integer: bool = False
    clips: bool = True
    media: bool = False
    rates: tuple[int, ...] = ()

    def rate_for(self, sample_rate: int) -> int:
        """The lowest rate it can hold that loses nothing, else its highest."""
        if not self.rates or sample_rate in self.rates:
            return sample_rate
        return min((r for r in self.rates if r > sample_rate), default=self.rates[-1])

    def require_rate(self, sample_rate: int) -> int:
        """The rate, if files of this format may have it. Raises UsageError."""
        if self.rates and sample_rate not in self.rates:
            known = ", ".join(str(rate) for rate in self.rates)
            raise UsageError(
                f"{self.name} does not support {sample_rate} Hz.", f"Choose one of {known}."
            )
        if not LOWEST_HZ <= sample_rate <= HIGHEST_HZ:
            raise UsageError(
                f"{sample_rate} Hz is not a supported sample rate.",
                f"Choose {LOWEST_HZ} to {HIGHEST_HZ} Hz.",
            )
        return sample_rate


LOWEST_HZ, HIGHEST_HZ = 4_000, 384_000
MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
AAC_RATES = (*MP3_RATES, 64000, 88200, 96000)
FORMATS = {
    f.name: f
    for f in (
        Format(name="wav", container="WAV", subtype="PCM_16", integer=True),
        Format(name="wav-float", container="WAV", subtype="FLOAT", clips=False),
        Format(name="flac", container="FLAC", subtype="PCM_16", integer=True),
        Format(name="ogg", container="OGG", subtype="VORBIS"),
        Format(
            name="opus", container="OGG", subtype="OPUS", rates=(8000, 12000, 16000, 24000, 48000)
        ),
        Format(name="mp3", container="MP3", subtype="MPEG_LAYER_III", rates=MP3_RATES),
        Format(name="m4a", container="ipod", media=True, rates=AAC_RATES),
        Format(name="aac", container="adts", media=True, rates=AAC_RATES),
        Format(name="pcm", container="RAW", subtype="PCM_16", integer=True),
    )
}


ALIASES = {"raw": "pcm", "s16le": "pcm", "mp4": "m4a", "m4b": "m4a", "oga": "ogg"}
"""Other suffixes and names of the same formats."""

RECORDING_SUFFIXES = frozenset(
    f".{name}"
    for name in {*FORMATS, *ALIASES, *MEDIA_SUFFIXES, "wave", "aiff", "aif", "au", "caf", "w64"}
) - {".wav-float", ".pcm", ".raw", ".s16le"}
RECORDING_FOLDERS = ("wavs", "wav", "clips", "audio", "opus", "flac", "recordings", "train")
"""Beside a list, and then here, are the recordings that it names."""


def is_recording(path: Path) -> bool:
    """Whether a file is named as audio is."""
    return path.suffix.lower() in RECORDING_SUFFIXES


def find(target: object, name: str | None = None) -> Format:
    """The format called `name`, else by the suffix of a path, else wav (for streams).

    Raises UnknownFormat with near misses and the list.
    """
    if name is None:
        if not isinstance(target, (str, Path)):
            return FORMATS["wav"]
        name = Path(target).suffix.removeprefix(".")
        if not name:
            raise UnknownFormat(f"{str(target)!r} names no format.", _list())
    found = FORMATS.get(ALIASES.get(name.lower(), name.lower()))
    if found is None:
        close = near_misses(name.lower(), FORMATS)
        advice = close if close.startswith("Known") else f"{close} {_list()}".strip()
        raise UnknownFormat(f"Cannot write the format {name!r}.", advice)
    return found


def _list() -> str:
    return f"Known: {', '.join(sorted(FORMATS))}."
