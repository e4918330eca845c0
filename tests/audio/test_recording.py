"""What may become a voice."""

from __future__ import annotations

import numpy as np
import pytest

from tests.speechlike import speechlike
from vivavoce.audio import edit
from vivavoce.audio.recording import require_speech
from vivavoce.errors import AudioError, VoiceError
from vivavoce.types import Audio

RATE = 24_000
ADVICE = "Give some."


def require(samples, what="The recording"):
    return require_speech(Audio(samples, RATE), 1.0, ADVICE, what)


def test_the_silence_at_its_ends_goes():
    speech = speechlike(2.0)
    found = require(edit.pad(speech, 0.5, 0.7).samples.astype(np.float64))
    assert found.samples.dtype == np.float32
    np.testing.assert_array_equal(found.samples, speech.samples)


@pytest.mark.parametrize(
    ("samples", "error", "message"),
    [
        (np.zeros(0), AudioError, r"^It is empty\. Give some\.$"),
        (np.zeros((48000, 2)), AudioError, "not mono"),
        (np.ones(48000, np.int16), AudioError, "^It holds int16 samples"),
        (np.append(np.ones(48000), np.nan), AudioError, "^It holds NaN"),
        (np.full(48000, 300.0), AudioError, "^Samples reach 300"),
        (np.full(48000, 1e-4), AudioError, "^It is silent.*-80 dB"),
        (np.full(12000, 0.1), VoiceError, r"^It holds 0\.50 s of speech; 1 s is the least\. Give"),
    ],
)
def test_what_is_refused(samples, error, message):
    with pytest.raises(error, match=message):
        require(samples, "It")
