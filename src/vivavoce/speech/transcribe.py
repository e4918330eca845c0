"""What is said in a recording: the hook for speech recognition, and one that fits it.

faster-whisper (extra `asr`) is imported when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from vivavoce.audio.resample import resample
from vivavoce.errors import DownloadError, MissingExtra, UsageError, VoiceError
from vivavoce.types import Audio

Transcriber = Callable[[Audio, str], str]
"""Audio and its language (BCP 47; empty: find out) to the words said, in their spelling."""

SAMPLE_RATE = 16_000
DEFAULT_MODEL = "large-v3-turbo"


def default_transcriber(model: str = DEFAULT_MODEL) -> Transcriber:
    """Whisper (Radford et al. 2022) on the CPU in 8 bits, through faster-whisper.

    `model` is one of its names or a folder; fetched from the Hub at the first use. Raises
    MissingExtra at once; the transcriber raises DownloadError, UsageError (no such model or
    language), VoiceError (nothing is said).
    """
    whisper, recogniser = _require_whisper(), None

    def transcribe(audio: Audio, language: str) -> str:
        nonlocal recogniser
        recogniser = recogniser or _load(whisper, model)
        samples = resample(audio.samples, audio.sample_rate, SAMPLE_RATE)
        code = language.replace("_", "-").split("-")[0].lower() or None
        try:
            # each window by itself: carried over, a mistake repeats itself
            segments, _ = recogniser.transcribe(
                samples, language=code, beam_size=5, condition_on_previous_text=False
            )
            said = " ".join("".join(segment.text for segment in segments).split())
        except ValueError as error:
            raise UsageError(f"Cannot transcribe {language!r}: {error}.") from error
        if not said:
            raise VoiceError("No words were recognised in the recording.", "Give the transcript.")
        return said

    return transcribe


def _require_whisper() -> Any:
    try:
        return import_module("faster_whisper")
    except ImportError as error:
        raise MissingExtra(
            "Transcribing needs speech recognition.",
            "Install it: pip install 'vivavoce[asr]', or give the transcript.",
        ) from error


def _load(whisper: Any, model: str) -> Any:
    from huggingface_hub import errors

    try:
        return whisper.WhisperModel(model, device="cpu", compute_type="int8")
    except (OSError, RuntimeError, errors.HTTPError) as error:  # pyright: ignore[reportPrivateImportUsage]
        raise DownloadError(
            f"The speech recogniser '{model}' could not be loaded ({error}).",
            "Try again when online, or give the transcript.",
        ) from error
    except ValueError as error:
        raise UsageError(f"There is no speech recogniser '{model}'.", str(error)) from error
