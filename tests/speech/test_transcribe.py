import sys
from types import SimpleNamespace

import numpy as np
import pytest

from vivavoce.errors import DownloadError, MissingExtra, UsageError, VoiceError
from vivavoce.speech.transcribe import default_transcriber
from vivavoce.types import Audio

AUDIO = Audio(np.ones(48000, np.float32), 48000)


@pytest.fixture
def whisper(monkeypatch):
    """Stands in for faster_whisper: says what it is told to, lists what it was asked."""
    fake = SimpleNamespace(loads=[], asked=[], says=[" Hello", " there. "], fails=None)

    class WhisperModel:
        def __init__(self, model, **how):
            fake.loads.append((model, how))
            if fake.fails:
                raise fake.fails

        def transcribe(self, samples, language=None, **_):
            if language == "xx":
                raise ValueError("'xx' is not a valid language code")
            fake.asked.append((samples.shape, samples.dtype, language))
            return (SimpleNamespace(text=text) for text in fake.says), None

    fake.WhisperModel = WhisperModel
    monkeypatch.setitem(sys.modules, "faster_whisper", fake)
    return fake


def test_words_from_audio_of_any_rate(whisper):
    transcribe = default_transcriber("tiny")
    assert whisper.loads == []
    assert transcribe(AUDIO, "en-GB") == "Hello there."
    assert transcribe(AUDIO, "") == "Hello there."
    assert whisper.loads == [("tiny", {"device": "cpu", "compute_type": "int8"})]
    assert whisper.asked == [((16000,), np.float32, "en"), ((16000,), np.float32, None)]


def test_pieces_of_scripts_without_spaces_are_joined_without(whisper):
    whisper.says = ["你好，", "世界。"]
    assert default_transcriber()(AUDIO, "zh") == "你好，世界。"


def test_no_words(whisper):
    whisper.says = [" ", "\n"]
    with pytest.raises(VoiceError, match="No words"):
        default_transcriber()(AUDIO, "en")


def test_what_can_go_wrong(whisper):
    with pytest.raises(UsageError, match="valid language"):
        default_transcriber()(AUDIO, "xx")
    whisper.fails = ValueError("Invalid model size 'hugo', expected one of: tiny, base")
    with pytest.raises(UsageError, match=r"'hugo'.*tiny, base"):
        default_transcriber("hugo")(AUDIO, "en")
    whisper.fails = OSError("no route to host")
    with pytest.raises(DownloadError, match="no route"):
        default_transcriber()(AUDIO, "en")


def test_without_the_extra_it_is_named_at_once(monkeypatch):
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    with pytest.raises(MissingExtra, match=r"vivavoce\[asr\]"):
        default_transcriber()
