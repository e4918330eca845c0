"""What may become a voice."""

from __future__ import annotations

import numpy as np
import pytest

from tests.speechlike import speechlike
from vivavoce.audio import edit
from vivavoce.audio.findings import SENTENCES, Finding
from vivavoce.audio.recording import check_recording, require_speech
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
        (np.ones(48000, np.int16), AudioError, "^It holds samples of 16 bits"),
        (np.append(np.ones(48000), np.nan), AudioError, "^It holds 1 NaN"),
        (np.full(48000, 300.0), AudioError, "^It has samples that reach 300"),
        (speechlike(2.0, level=1e-4).samples, AudioError, "^It is silent.*-80 dB"),
        (np.full(48000, 0.1), AudioError, "^It is silent"),  # a constant offset and nothing else
        (
            speechlike(0.5).samples,
            VoiceError,
            r"^It holds 0\.50 s of speech.*1 s is the least\. Give",
        ),
    ],
)
def test_what_is_refused(samples, error, message):
    with pytest.raises(error, match=message):
        require(samples, "It")


def names(samples, rate=RATE, **how):
    return [
        f.name for f in check_recording(Audio(samples.astype(np.float32), rate), **how).findings
    ]


def noise(n, slope, seed=0):
    """Noise whose power falls with frequency to the power of `slope`, from 20 Hz on; RMS 0.1."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(n))
    hz = np.maximum(np.arange(len(spectrum)) * RATE / n, 20.0)
    samples = np.fft.irfft(spectrum / hz ** (slope / 2), n)
    return 0.1 * samples / samples.std()


@pytest.mark.parametrize("rate", [8000, 16_000, 24_000, 48_000])
@pytest.mark.parametrize("seconds", [1.2, 5.0, 15.0])
def test_what_changes_as_speech_does_is_no_fault(seconds, rate):
    assert names(speechlike(seconds, rate).samples, rate) == []


@pytest.mark.parametrize("seconds", [1.2, 6.0])
@pytest.mark.parametrize("slope", [0.0, 1.0, 2.0])
def test_noise_of_any_colour_and_outline(seconds, slope):
    n = round(seconds * RATE)
    samples, t = noise(n, slope), np.arange(n) / RATE
    assert names(samples) == ["noise"]
    assert "noise" in names(samples * (0.1 + 0.9 * t / seconds))
    assert "noise" in names(samples * (0.55 + 0.45 * np.sin(2 * np.pi * 3 * t)))


@pytest.mark.parametrize("seconds", [1.2, 6.0])
def test_tones_hums_and_melodies(seconds):
    t = np.arange(round(seconds * RATE)) / RATE
    hum = sum(np.sin(2 * np.pi * 50 * k * t) / k for k in range(1, 9))
    sweep = np.sin(2 * np.pi * (100 * t + 1500 * t**2 / seconds))
    notes = np.array([262, 330, 392, 523, 440])[(t * 4).astype(int) % 5]
    for samples in (
        np.sin(2 * np.pi * 440 * t),
        hum,
        sweep,
        np.sin(2 * np.pi * np.cumsum(notes) / RATE),
        np.sin(2 * np.pi * 697 * t) + np.sin(2 * np.pi * 1209 * t),
    ):
        assert names(0.3 * samples) == ["tone"]


@pytest.mark.parametrize(("gain_db", "expected"), [(0.0, []), (10.0, ["clipped"])])
def test_clipping_is_found_at_any_level(gain_db, expected):
    speech = speechlike(4.0).samples
    loud = speech / np.abs(speech).max() * 10 ** (gain_db / 20)
    assert names(loud.clip(-1.0, 1.0)) == expected
    assert names(0.3 * loud.clip(-1.0, 1.0)) == expected


def test_how_much_is_clipped_is_said():
    speech = speechlike(4.0).samples
    loud = 10.0 * speech / np.abs(speech).max()
    report = check_recording(Audio(loud.clip(-1.0, 1.0), RATE))
    (clipped,) = (f for f in report.findings if f.name == "clipped")
    assert clipped.measure == pytest.approx(100 * np.mean(np.abs(loud) >= 1.0), rel=0.5)
    assert "Record again" in report.warnings[0]


def test_a_rumble_as_loud_as_the_speech():
    speech = speechlike(4.0).samples
    assert names(speech + 2.0 * noise(len(speech), 2.0)) == ["noisy"]
    assert names(speech + 0.1 * noise(len(speech), 0.0)) == []


def test_a_constant_offset_is_removed_and_said():
    speech = speechlike(3.0, level=0.1)
    padded = edit.pad(speech, 0.5, 0.5).samples
    report = check_recording(Audio(padded + np.float32(0.2), RATE))
    (offset,) = report.findings
    assert (offset.name, offset.severity) == ("offset", "note")
    assert offset.measure == pytest.approx(0.2, abs=0.01)
    assert abs(report.audio.samples.mean()) < 1e-3
    assert report.audio.duration_s == pytest.approx(3.0, abs=0.05)  # the ends are silent again


def test_long_silence_at_the_ends_is_cut_and_said():
    audio = edit.pad(speechlike(3.0), 2.5, 4.0)
    report = check_recording(audio)
    found = [(f.name, pytest.approx(f.measure, abs=0.02)) for f in report.findings]
    assert found == [("silent start", 2.5), ("silent end", 4.0)]
    assert report.audio.duration_s == pytest.approx(3.0, abs=0.02)
    kept = check_recording(audio, keep_s=1.0)
    assert kept.audio.duration_s == pytest.approx(5.0, abs=0.02)


def test_lengths_count_without_the_silence():
    audio = edit.pad(speechlike(0.5), 2.0, 2.0)
    for keep_s in (0.0, 1.0):
        report = check_recording(audio, shortest_s=1.0, keep_s=keep_s)
        assert [f.name for f in report.errors] == ["too short"]
        assert report.errors[0].measure == pytest.approx(0.5, abs=0.02)
    assert names(speechlike(5.0).samples, longest_s=4.0) == ["too long"]


def test_errors_come_first_and_warnings_are_sentences():
    padded = edit.pad(speechlike(0.5), 2.0, 2.0)
    report = check_recording(padded, what="Recording 2")
    assert [f.severity for f in report.findings] == ["error", "note", "note"]
    assert report.warnings[0].startswith("Recording 2 begins with 2.0 s of silence")
    with pytest.raises(VoiceError, match=r"^Recording 2 holds 0\.50 s of speech"):
        report.require()


@pytest.mark.parametrize("name", SENTENCES)
def test_every_finding_is_a_sentence_with_a_remedy(name):
    message = Finding(name, 12.5, "dB", "Do this.").message("It")
    assert message.endswith(". Do this.")
    assert "{" not in message


@pytest.mark.parametrize("samples", [np.zeros(1), np.full(3, 0.5), speechlike(0.02).samples])
def test_a_few_samples_are_too_short_and_nothing_else(samples):
    report = check_recording(Audio(np.asarray(samples, np.float32), RATE))
    assert {f.name for f in report.errors} <= {"too short", "silent"}
    assert report.errors
