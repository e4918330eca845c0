"""Edited recordings: what stays is the recording's own, what is new has the right length."""

import numpy as np
import pytest

from tests.speechlike import speechlike
from tests.tiny import tiny_f5, tiny_tts
from vivavoce.audio import edit as audio_edit
from vivavoce.audio.loudness import rms
from vivavoce.errors import AudioError, GuardError, TextError, UsageError, VoiceError
from vivavoce.speech.edits import Plan, set_in
from vivavoce.types import Audio

TARGET = "Some new words that were said in the clip."
RATE, HOP, FADE = 24_000, 256, 480


@pytest.fixture(scope="module")
def tts():
    return tiny_f5()


@pytest.fixture
def recording():
    return speechlike(4.0, level=0.1)


def test_what_stays_is_the_recordings_own(tts, recording):
    speech = tts.edit(recording, [(1.2, 2.0, "new words", 1.5)], TARGET, seed=3)
    start, stop, end = (round(s * RATE / HOP) * HOP for s in (1.2, 2.0, 1.2 + 1.5))
    gap = end - start
    assert len(speech.samples) == len(recording.samples) - (stop - start) + gap
    kept = speech.samples[: start - FADE], speech.samples[start + gap + FADE :]
    assert np.array_equal(kept[0], recording.samples[: start - FADE])
    assert np.array_equal(kept[1], recording.samples[stop + FADE :])
    new = speech.samples[start : start + gap]
    assert not np.array_equal(new[: stop - start], recording.samples[start:stop])
    assert rms(new) > 0.01
    assert (speech.sample_rate, speech.seed, speech.warnings) == (RATE, 3, ())


def test_seeds_decide(tts, recording):
    first, again, other = (
        tts.edit(recording, [(1.2, 2.0, "new words")], TARGET, seed=s).samples for s in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_new_words_take_the_pace_of_what_stays(tts, recording):
    """3.2 s stay, for 42 - 9 bytes."""
    speech = tts.edit(recording, [(1.2, 2.0, "new words")], TARGET)
    assert speech.duration_s == pytest.approx(4.0 - 0.8 + 9 * 3.2 / 33, abs=2 * HOP / RATE)
    faster = tts.edit(recording, [(1.2, 2.0, "new words")], TARGET, speed=2.0)
    assert faster.duration_s == pytest.approx(3.2 + 9 * 3.2 / 33 / 2, abs=2 * HOP / RATE)


def test_pauses_do_not_slow_the_pace(tts, recording):
    quiet = audio_edit.pad(recording, after_s=2.0)
    speech = tts.edit(quiet, [(1.2, 2.0, "new words")], TARGET)
    assert speech.duration_s == pytest.approx(6.0 - 0.8 + 9 * 3.2 / 33, abs=2 * HOP / RATE)


def test_several_in_any_order_and_at_the_ends(tts, recording):
    wanted = [(3.0, 4.0, "the end", 0.5), (0.0, 0.5, "New", 0.7)]
    speech = tts.edit(recording, wanted, "New words of the end")
    assert speech.duration_s == pytest.approx(4.0 - 1.5 + 1.2, abs=3 * HOP / RATE)
    own = recording.samples[round(1.0 * RATE) : round(2.5 * RATE)]
    places = np.lib.stride_tricks.sliding_window_view(speech.samples, 500)
    assert (places == own[:500]).all(axis=1).any()


def test_another_rate_becomes_the_models(tts):
    recording = speechlike(4.0, 48_000)
    speech = tts.edit(recording, [(1.2, 2.0, "new words", 0.8)], TARGET)
    assert (speech.sample_rate, len(speech.samples)) == (RATE, 4 * RATE)


def test_what_is_new_is_as_quiet_as_the_recording(tts):
    def new(level):
        recording = speechlike(4.0, level=level)
        speech = tts.edit(recording, [(1.2, 2.2, "new words", 1.0)], TARGET)
        return rms(speech.samples[round(1.3 * RATE) : round(2.1 * RATE)])

    assert new(0.02) == pytest.approx(new(0.1) / 5, rel=0.01)


def test_fades_have_equal_power():
    rng = np.random.default_rng(0)
    own, made = (rng.standard_normal(RATE).astype(np.float32) * 0.1 for _ in range(2))
    found = Plan([(0, 40), (50, RATE // HOP + 1)], [10, 0])
    mixed = set_in(Audio(own, RATE), made, found, HOP)
    fade = mixed[40 * HOP - FADE : 40 * HOP]
    assert rms(fade) == pytest.approx(0.1, rel=0.1)
    assert np.array_equal(mixed[: 40 * HOP - FADE], own[: 40 * HOP - FADE])
    assert np.array_equal(mixed[40 * HOP : 50 * HOP], made[40 * HOP : 50 * HOP])
    assert np.array_equal(mixed[50 * HOP + FADE :], own[50 * HOP + FADE :])
    assert len(mixed) == RATE


REFUSED = {
    "none": ([], TARGET, UsageError, "No --replace"),
    "target": ([(1, 2, "new words")], " ", TextError, "empty"),
    "late": ([(1, 4.5, "new words")], TARGET, UsageError, r"4\.000 s long"),
    "negative": ([(-1, 2, "new words")], TARGET, UsageError, "not within the recording"),
    "backwards": ([(2, 1, "new words")], TARGET, UsageError, "not within the recording"),
    "nan": ([(float("nan"), 1, "new words")], TARGET, UsageError, "not within the recording"),
    "overlap": ([(1, 2, "new"), (1.5, 3, "words")], TARGET, UsageError, "overlaps"),
    "no words": ([(1, 2, "")], TARGET, UsageError, "No words"),
    "seconds": ([(1, 2, "new words", 0.0)], TARGET, UsageError, "more than 0"),
    "other words": ([(1, 2, "old words")], TARGET, UsageError, "does not contain"),
    "other order": ([(1, 2, "clip"), (2, 3, "new")], TARGET, UsageError, "does not contain"),
    "all": ([(0, 3.5, "new words")], TARGET, UsageError, "would remain"),
    "long": ([(1, 2, "new words", 29.0)], TARGET, UsageError, "more than 30 s"),
    "pace": ([(1, 2, "new words")], "new words", UsageError, "speaking rate is unknown"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(tts, recording, case):
    replacements, target, error, hint = REFUSED[case]
    with pytest.raises(error, match=hint):
        tts.edit(recording, replacements, target)


def test_a_recording_that_is_none(tts):
    silent = Audio(np.zeros(4 * RATE, np.float32), RATE)
    with pytest.raises(AudioError, match="silent"):
        tts.edit(silent, [(1, 2, "new words")], TARGET)
    broken = Audio(np.full(4 * RATE, np.nan, np.float32), RATE)
    with pytest.raises(AudioError, match="NaN"):
        tts.edit(broken, [(1, 2, "new words")], TARGET)


def test_a_model_with_speakers_cannot(recording):
    with pytest.raises(VoiceError, match="cannot edit"):
        tiny_tts().edit(recording, [(1, 2, "new words")], TARGET)


def test_characters_nobody_knows_are_told(tts, recording):
    speech = tts.edit(recording, [(1, 2, "new words")], TARGET + " ж")
    assert "ж" in speech.warnings[0]


def test_what_is_no_speech_is_tried_again(tts, recording, monkeypatch):
    seeds = []

    def refuse(samples, keep, gaps, text, options, noise, voice, on_step):
        seeds.append(noise.generators[0].initial_seed())
        raise GuardError("no")

    monkeypatch.setattr(tts.model, "edit", refuse)
    with pytest.raises(GuardError):
        tts.edit(recording, [(1, 2, "new words")], TARGET)
    assert len(set(seeds)) == 2
