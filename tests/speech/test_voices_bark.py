"""History prompts of Bark as voices: kept under a name, copied, refused."""

from __future__ import annotations

import numpy as np
import pytest

from tests.hub.conftest import home  # noqa: F401 - a fixture
from tests.models.bark.toy import tiny_history
from vivavoce.errors import UnknownVoice, VoiceError
from vivavoce.speech import voices


@pytest.fixture
def prompt(tmp_path, home):  # noqa: F811 - the fixture
    file, voice = tmp_path / "ja_speaker_1.npz", tiny_history()
    np.savez(file, **{f"{part}_prompt": codes.numpy() for part, codes in voice.tensors.items()})
    return file


def test_a_history_prompt_is_kept_under_a_name(prompt):
    kept = voices.voices_add("me", [prompt], licence="MIT")
    voice = voices.load_voice("me")
    assert (voice.name, voice.family, voice.language, voice.licence) == ("me", "bark", "ja", "MIT")
    assert kept.suffix == ".safetensors"
    assert voices.voices_show("me")["family"] == "bark"
    again = voices.load_voice(voices.voices_add("copy", kept))
    assert (again.name, again.licence) == ("copy", "MIT")


def test_a_prompt_that_is_none_is_refused(prompt):
    prompt.write_bytes(b"no zip")
    with pytest.raises(VoiceError, match="is not a voice file"):
        voices.voices_add("me", prompt)
    with pytest.raises(UnknownVoice):
        voices.load_voice("me")
