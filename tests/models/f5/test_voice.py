from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.speechlike import speechlike
from vivavoce.audio import edit
from vivavoce.audio.resample import sinc_resample
from vivavoce.errors import AudioError, VoiceError
from vivavoce.models.f5.voice import SAMPLE_RATE, describe_voice, make_voice, reference
from vivavoce.types import Audio

WORDS = "Some words that were said in the clip."


def make(audio, transcript=WORDS, **how):
    return make_voice(audio, transcript, "me", **how)


def test_silent_ends_go_and_fifty_milliseconds_follow():
    speech = speechlike(3.0)
    voice = make(edit.pad(speech, 0.5, 0.7), language="de", licence="CC0-1.0")
    samples = voice.tensors["samples"].numpy()
    assert len(samples) == 73200
    np.testing.assert_array_equal(samples[: 3 * SAMPLE_RATE], speech.samples)
    assert not samples[3 * SAMPLE_RATE :].any()
    assert voice.tensors["samples"].dtype == voice.tensors["rms"].dtype == torch.float32
    found = (voice.name, voice.family, voice.language, voice.licence, voice.transcript)
    assert found == ("me", "f5", "de", "CC0-1.0", WORDS)


def test_a_quiet_recording_is_raised_and_its_own_loudness_kept():
    quiet = make(speechlike(3.0, level=0.02))
    loud = make(speechlike(3.0, level=0.3))
    expected = 0.02 * (3.0 / 3.05) ** 0.5  # the silence that follows counts
    assert float(quiet.tensors["rms"]) == pytest.approx(expected, rel=1e-4)
    assert float(quiet.tensors["samples"].square().mean().sqrt()) == pytest.approx(0.1, rel=1e-4)
    assert reference(quiet)[1] == pytest.approx(expected / 0.1, rel=1e-4)
    assert float(loud.tensors["samples"].square().mean().sqrt()) > 0.29
    assert reference(loud)[1] == 1.0


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
def test_any_rate_becomes_24_khz(rate):
    t = np.arange(2 * rate) / rate
    tone = Audio((0.3 * np.sin(2 * np.pi * 440 * t)).astype(np.float32), rate)
    samples = make(tone).tensors["samples"].numpy()
    assert len(samples) == 49200
    spectrum = np.abs(np.fft.rfft(samples[:SAMPLE_RATE]))
    assert spectrum.argmax() == 440
    assert samples[:SAMPLE_RATE].std() == pytest.approx(0.3 / 2**0.5, rel=1e-3)


def test_the_resampler_is_the_one_the_models_were_fed_by():
    speech = speechlike(2.0, 16000, level=0.3)
    padded = torch.from_numpy(edit.pad(speech, 0.0, 0.05).samples)[None]
    got = make(speech).tensors["samples"]
    assert torch.equal(got, sinc_resample(padded, 16000, SAMPLE_RATE)[0])


def test_rates_that_share_no_factor():
    assert len(make(speechlike(2.0, 44101)).tensors["samples"]) == pytest.approx(49200, abs=2)


def test_long_pauses_become_two_seconds():
    pieces = [speechlike(1.5), speechlike(1.5, seed=1)]
    voice = make(edit.join(pieces, [5.0]))
    assert len(voice.tensors["samples"]) / SAMPLE_RATE == pytest.approx(1.5 + 2 + 1.5 + 0.05)
    short = make(edit.join(pieces, [1.9]))
    assert len(short.tensors["samples"]) / SAMPLE_RATE == pytest.approx(1.5 + 1.9 + 1.5 + 0.05)


def test_fifteen_seconds_are_kept_whole_and_more_is_refused():
    words = "word " * 40
    assert describe_voice(make(speechlike(14.9, 8000), words))["duration_s"] == 14.95
    with pytest.raises(VoiceError, match=r"60\.0 s of speech.*15 s.*--start, --end"):
        make(speechlike(60.0, 8000), words)


def test_with_a_transcriber_a_long_recording_is_cut_at_its_longest_pause():
    heard = []

    def transcriber(audio, language):
        heard.append((audio.duration_s, language))
        return "  what was \n said in it, word for word  "

    parts = [speechlike(s, 8000, seed=n) for n, s in enumerate((5.0, 4.0, 3.0, 8.0))]
    long = edit.join(parts, [0.2, 0.6, 0.3])
    voice = make(long, "", language="fr", transcriber=transcriber)
    assert heard == [(pytest.approx(5.0 + 0.2 + 4.0, abs=0.02), "fr")]
    assert voice.transcript == "what was said in it, word for word"
    with pytest.raises(VoiceError, match="no pause"):
        make(speechlike(20.0, 8000), "", transcriber=transcriber)
    make(parts[0], WORDS, transcriber=transcriber)  # the words are known
    make(parts[0], "", transcriber=transcriber)  # short: kept whole
    assert [seconds for seconds, _ in heard[1:]] == [pytest.approx(5.0)]


def test_with_a_transcript_a_long_recording_is_never_cut():
    with pytest.raises(VoiceError, match="15 s"):
        make(speechlike(20.0, 8000), WORDS, transcriber=lambda *_: "not asked")


@pytest.mark.parametrize("transcript", ["", "  \n", "… !"])
def test_no_words(transcript):
    with pytest.raises(VoiceError, match=r"no transcript.*--transcript.*vivavoce\[asr\]"):
        make(speechlike(2.0), transcript)


def test_a_transcript_that_cannot_be_of_this_recording():
    with pytest.raises(VoiceError, match=r"too long for the recording: 166\.7 characters a second"):
        make(speechlike(3.0), "a" * 500)
    with pytest.raises(VoiceError, match=r"too short for the recording: 0\.4 characters a second"):
        make(speechlike(5.0), "Hm.")


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros(0), "empty"),
        (np.zeros(48000), "silent"),
        (speechlike(2.0, level=1e-4).samples, "silent.*-80 dB"),
        (np.full(48000, np.nan), "NaN"),
        (np.append(np.ones(48000), np.inf), "NaN or infinite"),
        (np.ones((48000, 2)), "not mono"),
        (np.full(48000, 20000), "between -1 and 1"),
    ],
)
def test_what_is_no_recording(samples, message):
    with pytest.raises(AudioError, match=message):
        make(Audio(samples.astype(np.float32), SAMPLE_RATE))


def test_too_short_is_told_before_anybody_transcribes():
    with pytest.raises(VoiceError, match=r"0\.50 s of speech"):
        make(edit.pad(speechlike(0.5), 2.0, 2.0), "", transcriber=lambda *_: 1 / 0)


def test_reference_refuses_foreign_and_incomplete_voices():
    voice = make(speechlike(2.0))
    with pytest.raises(VoiceError, match="one of other"):
        reference(replace(voice, family="other"))
    tensors = voice.tensors
    for broken in (
        replace(voice, transcript=""),
        replace(voice, tensors={"samples": tensors["samples"]}),
        replace(voice, tensors={"rms": tensors["rms"]}),
        replace(voice, tensors={**tensors, "samples": tensors["samples"][None]}),
        replace(voice, tensors={**tensors, "samples": tensors["samples"][:100]}),
        replace(voice, tensors={**tensors, "rms": torch.zeros(())}),
    ):
        with pytest.raises(VoiceError, match="lacks"):
            reference(broken)


def test_facts_for_people():
    facts = describe_voice(make(speechlike(2.0, level=0.1)))
    assert facts == {"duration_s": 2.05, "loudness_db": -20.1}
