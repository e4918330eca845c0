"""Voices made from recordings: what is heard of them, what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from mpsaudit import audit
from tests.models.xtts.cloner import TOY, Cloner
from tests.speechlike import speechlike
from tests.tolerance import assert_near
from vivavoce.audio import edit
from vivavoce.audio.resample import sinc_resample
from vivavoce.audio.specs import XTTS_COND_V1, XTTS_COND_V2
from vivavoce.errors import AudioError, VoiceError
from vivavoce.models.xtts.mel import scaled_mel
from vivavoce.models.xtts.voice import describe_voice, make_voice, reference
from vivavoce.types import Audio, Voice

RATE = 22_050
SHORT = replace(TOY, condition_s=3.0, condition_chunk_s=1.0, reference_s=4.0)


@pytest.fixture(scope="module")
def model():
    return Cloner(SHORT)


def make(model, recordings, **how):
    return make_voice(model, recordings, "me", **how)


def same(one: Voice, other: Voice) -> bool:
    return all(torch.equal(one.tensors[name], other.tensors[name]) for name in one.tensors)


def by_hand(model, samples: np.ndarray, pieces: list[tuple[float, float]]) -> torch.Tensor:
    """Mean latents of pieces (from, to; seconds), one after another."""
    found = []
    for start, end in pieces:
        piece = torch.from_numpy(samples[round(start * RATE) : round(end * RATE)])[None]
        with torch.no_grad():
            found.append(model.conditioning(scaled_mel(piece, XTTS_COND_V2, model.mel_stats)))
    return torch.cat(found).mean(0)


def test_what_a_voice_holds(model):
    how = {"language": "de", "licence": "CC0-1.0", "transcript": " some\n words "}
    voice = make(model, speechlike(2.0, RATE), **how)
    found = (voice.name, voice.family, voice.language, voice.licence, voice.transcript)
    assert found == ("me", "xtts", "de", "CC0-1.0", "some words")
    latents, embedding = reference(voice, SHORT)
    assert latents.shape == (6, 64)
    assert embedding.shape == (32,)
    assert {t.dtype for t in voice.tensors.values()} == {torch.float32}
    assert not any(t.requires_grad or t.is_inference() for t in voice.tensors.values())
    assert float(embedding.norm()) == pytest.approx(1.0, abs=1e-6)
    assert describe_voice(voice) == {"latents": 6, "heard_s": 2.0}
    assert describe_voice(replace(voice, tensors={"latents": latents})) == {"latents": 6}


@pytest.mark.parametrize(
    ("seconds", "pieces"),
    [
        (2.5, [(0, 1), (1, 2), (2, 2.5)]),
        (2.34, [(0, 1), (1, 2), (2, 2.34)]),
        (2.3, [(0, 1), (1, 2)]),  # the rest is too short to count
        (3.9, [(0, 1), (1, 2), (2, 3)]),
    ],
)
def test_latents_are_the_mean_over_pieces_of_one_second(model, seconds, pieces):
    audio = speechlike(seconds, RATE, level=0.1)
    voice = make(model, audio)
    want = by_hand(model, audio.samples, pieces)
    assert_near(voice.tensors["latents"], want)
    assert describe_voice(voice)["heard_s"] == pytest.approx(min(seconds, 3.0), abs=0.01)


def test_of_ten_minutes_the_beginning_is_heard(model):
    whole = speechlike(4.2, 24_000, level=0.1)
    long = Audio(np.concatenate([whole.samples, np.zeros(600 * 24_000, np.float32)]), 24_000)
    assert same(make(model, long), make(model, whole))


def test_several_recordings_are_one_speaker(model):
    parts = [speechlike(2.0, RATE, 0.1, seed) for seed in (0, 1)]
    voice = make(model, parts)
    joined = make(model, edit.join(parts))
    assert torch.equal(voice.tensors["latents"], joined.tensors["latents"])
    alone = torch.stack([make(model, [part]).tensors["embedding"] for part in parts])
    assert_near(voice.tensors["embedding"], alone.mean(0))
    assert not torch.equal(alone[0], alone[1])


def test_the_speaker_is_heard_at_16_khz(model):
    audio = speechlike(2.0, RATE, level=0.1)
    with torch.no_grad():
        row = sinc_resample(torch.from_numpy(audio.samples)[None], RATE, 16_000)
        want = model.speaker_encoder(row)[0]
    assert_near(make(model, audio).tensors["embedding"], want)


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 44100, 44101, 48000])
def test_any_rate(model, rate):
    t = np.arange(2 * rate) / rate
    tone = Audio((0.3 * np.sin(2 * np.pi * 440 * t) * (1 + np.sin(7 * t)) / 2).astype("f4"), rate)
    t = np.arange(2 * RATE) / RATE
    same_tone = (0.3 * np.sin(2 * np.pi * 440 * t) * (1 + np.sin(7 * t)) / 2).astype("f4")
    one, other = make(model, tone), make(model, Audio(same_tone, RATE))
    assert float(one.tensors["heard_s"]) == pytest.approx(2.0, abs=1e-3)
    latents = [voice.tensors["latents"].flatten() for voice in (one, other)]
    assert float(F.cosine_similarity(*latents, dim=0)) > 0.98


def test_what_is_beyond_full_scale_is_cut_off(model):
    loud = speechlike(2.0, RATE, level=0.9)
    clipped = replace(loud, samples=loud.samples.clip(-1.0, 1.0))
    assert np.abs(loud.samples).max() > 1.5
    assert same(make(model, loud), make(model, clipped))


def test_references_brought_to_one_peak():
    model = Cloner(replace(SHORT, normalise_references=True))
    quiet, loud = (speechlike(2.0, RATE, level) for level in (0.025, 0.1))
    one, other = make(model, quiet), make(model, loud)
    assert_near(one.tensors["latents"], other.tensors["latents"])


def test_without_a_perceiver_every_frame_is_a_latent():
    config = replace(SHORT, perceiver=False)
    model, audio = Cloner(config), speechlike(2.5, RATE, level=0.1)
    voice = make(model, audio)
    mel = scaled_mel(torch.from_numpy(audio.samples)[None], XTTS_COND_V1, model.mel_stats)
    with torch.no_grad():
        want = model.conditioning(mel)[0]
    latents, _ = reference(voice, config)
    assert latents.shape == (int(2.5 * RATE) // 1024 + 1, 64)
    assert_near(latents, want)


@pytest.mark.parametrize(
    ("samples", "error", "message"),
    [
        (np.zeros(0, "f4"), AudioError, "empty"),
        (np.zeros(48000, "f4"), AudioError, "silent"),
        (np.full(48000, np.nan, "f4"), AudioError, "NaN"),
        (np.ones((48000, 2), "f4"), AudioError, "not mono"),
        (np.full(48000, 20000.0, "f4"), AudioError, "between -1 and 1"),
        (np.ones(48000, "i2"), AudioError, "16 bits that are not floats.*between -1 and 1"),
        (speechlike(0.1, RATE).samples, VoiceError, r"0\.10 s of speech.*1 s is the least"),
    ],
)
def test_what_is_no_recording(model, samples, error, message):
    with pytest.raises(error, match=message):
        make(model, Audio(samples, RATE))


def test_of_several_the_bad_one_is_named(model):
    good, silent = speechlike(2.0, RATE), edit.silence(2.0, RATE)
    with pytest.raises(AudioError, match="Recording 2 is silent"):
        make(model, [good, silent])
    with pytest.raises(VoiceError, match=r"no recording.*Give"):
        make(model, [])


def test_voices_that_do_not_fit(model):
    voice = make(model, speechlike(2.0, RATE))
    latents, embedding = voice.tensors["latents"], voice.tensors["embedding"]

    def refused(match, config=SHORT, family="xtts", **tensors):
        broken = replace(voice, family=family, tensors={**voice.tensors, **tensors})
        with pytest.raises(VoiceError, match=match):
            reference(broken, config)

    refused("one of f5", family="f5")
    with pytest.raises(VoiceError, match="lacks"):
        reference(replace(voice, tensors={"latents": latents}), SHORT)
    refused(r"another model.*\(6, 64\) and \(32,\).*\(32, 64\)", replace(SHORT, n_latents=32))
    refused("another model", latents=latents[None])
    refused("another model", replace(SHORT, perceiver=False), latents=latents[:0])
    refused("another model", embedding=embedding[:, None])
    refused("another model", embedding=embedding.long())
    refused("NaN", latents=latents.clone().fill_(torch.nan))
    refused("NaN", embedding=embedding / 0)
    refused("length 0,? not 1", embedding=0 * embedding)
    refused("length 20", embedding=20 * embedding)


def test_a_mean_that_nobody_brought_back_to_one_is_a_voice(model):
    voice = make(model, speechlike(2.0, RATE))
    shorter = {**voice.tensors, "embedding": 0.9 * voice.tensors["embedding"]}
    found = reference(replace(voice, tensors=shorter), SHORT)[1]
    assert torch.equal(found, shorter["embedding"])


def test_half_a_minute_runs_natively_on_every_macos():
    model, audio = Cloner(), speechlike(31.0, RATE, level=0.1)
    report = audit(lambda: make(model, audio), macos=("14.4", "15.5"))
    assert report.operators > 30
    assert report.findings == ()
