"""The public surface, pinned: a change here is a change for everybody."""

from __future__ import annotations

import inspect
import types

import pytest

import vivavoce

NAMES = {
    "Audio",
    "AudioChunk",
    "Speech",
    "TTS",
    "VivavoceError",
    "Voice",
    "VoiceConverter",
    "Word",
    "__version__",
    "book",
    "bulk",
    "data",
    "convert",
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
}
ERRORS = {
    "AuditError",
    "AudioError",
    "BadCheckpoint",
    "BookError",
    "ConfigError",
    "DownloadError",
    "GuardError",
    "IncompatibleFeatures",
    "MissingExtra",
    "OutputError",
    "TextError",
    "TrainingError",
    "UnknownFormat",
    "UnknownModel",
    "UnknownVoice",
    "UnsafeCheckpoint",
    "UnsupportedDevice",
    "UsageError",
    "VivavoceError",
    "VoiceError",
    "WorkerLost",
}


def parameters(function: object) -> list[str]:
    return list(inspect.signature(function).parameters)


def test_names_are_pinned() -> None:
    assert set(vivavoce.__all__) == NAMES
    assert set(dir(vivavoce)) == NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_name_is_there(name: str) -> None:
    assert getattr(vivavoce, name) is not None


def test_modules_are_modules() -> None:
    assert isinstance(vivavoce.errors, types.ModuleType)
    assert isinstance(vivavoce.train, types.ModuleType)
    assert callable(vivavoce.train.train)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Tts'"):
        _ = vivavoce.Tts


def test_error_types_are_pinned() -> None:
    found = {
        name: value
        for name, value in vars(vivavoce.errors).items()
        if isinstance(value, type) and issubclass(value, Exception)
    }
    assert set(found) == ERRORS
    for name, kind in found.items():
        assert issubclass(kind, vivavoce.VivavoceError), name
        wanted = 2 if issubclass(kind, vivavoce.errors.UsageError) else 1
        assert kind.exit_code == wanted, name


def test_signatures_are_pinned() -> None:
    assert parameters(vivavoce.load) == [
        *("model", "vocoder", "device", "precision", "fast", "lora", "config", "vocabulary")
    ]
    assert parameters(vivavoce.speak) == [
        *("text", "model", "vocoder", "device", "precision", "fast", "how")
    ]
    assert parameters(vivavoce.TTS.speak) == [
        *("self", "text", "voice", "speed", "seed", "on_problem", "on_step", "stages", "style"),
        "options",
    ]
    assert parameters(vivavoce.TTS.stream) == [
        *("self", "text", "voice", "speed", "seed", "on_problem", "on_step", "stages", "early"),
        *("style", "keeping", "options"),
    ]
    assert parameters(vivavoce.TTS.voice)[:3] == ["self", "recording", "transcript"]
    assert parameters(vivavoce.TTS.edit)[:4] == ["self", "recording", "replacements", "target"]
    assert parameters(vivavoce.Speech.save) == ["self", "path"]
    assert parameters(vivavoce.convert) == ["recording", "to", "model", "device", "seed"]
    assert parameters(vivavoce.load_converter) == ["model", "vocoder", "device", "config"]
    assert parameters(vivavoce.VoiceConverter.convert) == ["self", "recording", "to", "seed"]
    assert parameters(vivavoce.VoiceConverter.stream)[:4] == ["self", "recording", "to", "seed"]
    assert parameters(vivavoce.load_voice) == ["name"]
    assert parameters(vivavoce.save_voice) == ["path", "voice", "replace"]
    assert parameters(vivavoce.make_voice)[:4] == ["recording", "transcript", "name", "model"]
    assert parameters(vivavoce.read_audio)[:2] == ["source", "sample_rate"]


def test_speak_is_load_and_speak(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.tiny import tiny_tts
    from vivavoce.speech import load as loading

    asked = []

    def load(model: object, **how: object) -> object:
        asked.append((model, how))
        return tiny_tts()

    monkeypatch.setattr(loading, "load", load)
    speech = vivavoce.speak("Hello there.", model="tiny", seed=3)
    assert asked == [
        ("tiny", {"vocoder": None, "device": "auto", "precision": "auto", "fast": False})
    ]
    assert isinstance(speech, vivavoce.Speech)
    assert speech.seed == 3
    assert len(speech.samples) > 0
