"""Typed errors. Every message says what was wrong and what to do about it.

`exit_code` is the exit code of the command line: 2 for a usage error, 1 for a failure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

# Controls, except tabs and line ends, and what turns the direction of text around.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]")


def printable(text: str) -> str:
    """Text that may come from a file, safe for a terminal: escape codes are spelt out."""
    return _UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], text)


class VivavoceError(Exception):
    """Base of all errors that this package raises on purpose.

    `advice` is a sentence that tells the user what to do next; it is part of `str(error)`.
    """

    exit_code = 1

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice

    def __str__(self) -> str:
        return printable(f"{self.message} {self.advice}".strip())


class UsageError(VivavoceError):
    """The request is invalid; repeating it unchanged fails again."""

    exit_code = 2


class ConfigError(UsageError):
    """A configuration has an unknown key, a missing key or a value of the wrong type."""


class UnknownModel(UsageError):
    """No model or vocoder of that name."""


class UnknownVoice(UsageError):
    """No voice of that name, or a speaker that the model does not have."""


class TextError(UsageError):
    """The text holds nothing that can be spoken, or characters the voice does not know."""


class UnknownFormat(UsageError):
    """An audio file format that cannot be read or written."""


class UnsupportedDevice(UsageError):
    """The device does not exist on this machine or cannot run what was asked."""


class MissingExtra(UsageError):
    """An optional dependency is not installed; the advice names the extra."""


class BookError(VivavoceError):
    """A book cannot be read: it is damaged, locked by DRM, or holds nothing to read aloud."""


class AudioError(VivavoceError):
    """Audio that cannot be decoded, or that is unfit for its purpose."""


class BadCheckpoint(VivavoceError):
    """A weight file is truncated, corrupted, or does not fit the model it was given to."""


class UnsafeCheckpoint(BadCheckpoint):
    """A pickle tries to run code. Nothing was run."""


class IncompatibleFeatures(VivavoceError):
    """An acoustic model and a vocoder disagree about the features that pass between them."""


class VoiceError(VivavoceError):
    """A voice file is damaged or was made for another model."""


class DownloadError(VivavoceError):
    """A download failed, did not match its checksum, or is not allowed offline."""


class OutputError(VivavoceError):
    """A result could not be written; no partial file remains."""


class GuardError(VivavoceError):
    """The model's output is not speech (NaN, silence, implausible length)."""


class WorkerLost(VivavoceError):
    """Worker processes died repeatedly."""


class TrainingError(VivavoceError):
    """Training cannot start or continue."""


class AuditError(VivavoceError):
    """The audited code failed, or does what an audit cannot follow."""


def near_misses(name: str, known: Iterable[str]) -> str:
    """Advice for a misspelt name: the closest known ones, or all of them when few."""
    names = sorted(known)
    close = get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        return f"Did you mean {' or '.join(repr(c) for c in close)}?"
    if len(names) <= 12:
        return f"Known: {', '.join(names) or 'none'}."
    return ""
