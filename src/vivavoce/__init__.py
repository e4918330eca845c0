"""vivavoce: text to speech on every PyTorch device. The names below are the whole public API.

They are imported when first used, so that importing the package is fast and does not import torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from vivavoce import book as book
    from vivavoce import bulk as bulk
    from vivavoce import data as data
    from vivavoce import errors as errors
    from vivavoce import evaluate as evaluate
    from vivavoce import train as train
    from vivavoce.audio.io import read as read_audio
    from vivavoce.audio.io import write as write_audio
    from vivavoce.errors import VivavoceError
    from vivavoce.hub.voice_file import save as save_voice
    from vivavoce.speech.conversion import VoiceConverter, load_converter
    from vivavoce.speech.engine import TTS
    from vivavoce.speech.load import load
    from vivavoce.speech.result import Speech
    from vivavoce.speech.voices import load_voice, make_voice
    from vivavoce.types import Audio, AudioChunk, Voice, Word

__version__ = "0.1.0"

__all__ = [
    "TTS",
    "Audio",
    "AudioChunk",
    "Speech",
    "VivavoceError",
    "Voice",
    "VoiceConverter",
    "Word",
    "__version__",
    "book",
    "bulk",
    "convert",
    "data",
    "errors",
    "evaluate",
    "load",
    "load_converter",
    "load_voice",
    "make_voice",
    "read_audio",
    "save_voice",
    "speak",
    "train",
    "write_audio",
]

_PLACES = {
    "TTS": ("vivavoce.speech.engine", "TTS"),
    "Audio": ("vivavoce.types", "Audio"),
    "AudioChunk": ("vivavoce.types", "AudioChunk"),
    "Speech": ("vivavoce.speech.result", "Speech"),
    "VivavoceError": ("vivavoce.errors", "VivavoceError"),
    "Voice": ("vivavoce.types", "Voice"),
    "VoiceConverter": ("vivavoce.speech.conversion", "VoiceConverter"),
    "Word": ("vivavoce.types", "Word"),
    "book": ("vivavoce.book", ""),
    "bulk": ("vivavoce.bulk", ""),
    "data": ("vivavoce.data", ""),
    "errors": ("vivavoce.errors", ""),
    "evaluate": ("vivavoce.evaluate", ""),
    "load_converter": ("vivavoce.speech.conversion", "load_converter"),
    "load": ("vivavoce.speech.load", "load"),
    "load_voice": ("vivavoce.speech.voices", "load_voice"),
    "make_voice": ("vivavoce.speech.voices", "make_voice"),
    "read_audio": ("vivavoce.audio.io", "read"),
    "save_voice": ("vivavoce.hub.voice_file", "save"),
    "train": ("vivavoce.train", ""),
    "write_audio": ("vivavoce.audio.io", "write"),
}


def speak(
    text: str,
    *,
    model: str | Path | None = None,
    vocoder: str | Path | None = None,
    device: str = "auto",
    precision: str = "auto",
    fast: bool = False,
    **how: Any,
) -> Speech:
    """Load a model and speak one text. For several texts call `load` once.

    Without `model` the bundled voice is used, offline. `how` are arguments of `TTS.speak`: `voice`,
    `speed`, `seed`, the model's own options. Raises any VivavoceError.
    """
    from vivavoce.speech.load import load

    tts = load(model, vocoder=vocoder, device=device, precision=precision, fast=fast)
    return tts.speak(text, **how)


def convert(
    recording: str | Path | Audio,
    to: str | Path | Audio | Voice,
    *,
    model: str | Path | None = None,
    device: str = "auto",
    seed: int = 0,
) -> Speech:
    """Load a converter and convert one recording to another voice.

    `to` is a voice, the name of a saved one, or a recording of the target speaker. For several
    recordings call `load_converter` once. Raises any VivavoceError.
    """
    from vivavoce.speech.conversion import load_converter

    return load_converter(model, device=device).convert(recording, to, seed=seed)


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'vivavoce' has no attribute '{name}'")
    module, attribute = _PLACES[name]
    found = import_module(module)
    return getattr(found, attribute) if attribute else found


def __dir__() -> list[str]:
    return sorted(__all__)
