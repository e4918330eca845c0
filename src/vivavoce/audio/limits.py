"""How much audio is read before it is refused, and which sample rates there are. No files."""

from __future__ import annotations

from dataclasses import dataclass

from vivavoce.audio.formats import HIGHEST_HZ, LOWEST_HZ
from vivavoce.errors import AudioError

LONGEST_S = 600.0
"""Of one recording, unless the caller allows more."""

LARGEST_FILE = 1 << 30
"""Bytes that are taken from a pipe, which must be held to be read."""


@dataclass(frozen=True, kw_only=True)
class RecordingLimits:
    """What is refused with AudioError instead of being decoded.

    `longest_s` is the length of audio at ordinary rates (up to 48 kHz with four channels). At
    higher rates and with more channels proportionally less is read, so that this one number bounds
    memory (0.4 MB for each allowed second) and time.
    """

    longest_s: float = LONGEST_S
    lowest_hz: int = LOWEST_HZ
    highest_hz: int = HIGHEST_HZ
    most_channels: int = 64

    def seconds(self, sample_rate: int, n_channels: int) -> float:
        """The longest audio of such a file that is read."""
        values = sample_rate * n_channels
        return self.longest_s * min(1.0, 48_000 / sample_rate, 192_000 / values)

    def check(self, name: str, sample_rate: int, n_channels: int, declared_s: float) -> None:
        """Raises AudioError for what the header says. `declared_s` is 0 where it says nothing."""
        if not self.lowest_hz <= sample_rate <= self.highest_hz:
            raise AudioError(
                f"{name} declares a sample rate of {sample_rate} Hz.",
                f"Export it again at {self.lowest_hz} to {self.highest_hz} Hz.",
            )
        if not 1 <= n_channels <= self.most_channels:
            raise AudioError(f"{name} declares {n_channels} channels.", "Export it again as mono.")
        if declared_s > self.seconds(sample_rate, n_channels):
            raise self.too_long(name, sample_rate, n_channels, declared_s)

    def too_long(self, name: str, sample_rate: int, n_channels: int, seconds: float) -> AudioError:
        longest = self.seconds(sample_rate, n_channels)
        return AudioError(
            f"{name} holds {seconds:.0f} s of audio or more; {longest:.0f} s are read at most.",
            "Cut it, or allow more: voices add --longest SECONDS, in Python longest_s.",
        )
