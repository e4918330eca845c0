"""Utterances of an interrupted `stream`: kept, taken again, the same samples in the end."""

from __future__ import annotations

import numpy as np
import pytest

from tests.speechlike import speechlike
from tests.tiny import F5_WORDS, tiny_f5, tiny_tts
from vivavoce.audio import io
from vivavoce.errors import UsageError
from vivavoce.speech.keeping import Keeping, alone, count, unfinished
from vivavoce.types import Audio, Voice

TEXT = "Hello there.\n\nThis is the second sentence.\n\nAnd a third.\n\nThen a fourth."


class Stopped(Exception):
    pass


@pytest.fixture(scope="module")
def tts():
    return tiny_tts()


def spoken(tts, target, text=TEXT, *, voice=None, resume=True, stop=None, **how):
    """The chunks; raises Stopped after `stop` of them."""
    chunks = []
    with Keeping(tts, target, resume) as kept:
        for chunk in tts.stream(text, voice, keeping=kept, **how):
            chunks.append(chunk)
            if len(chunks) == stop:
                raise Stopped
    return chunks


def samples(chunks):
    return np.concatenate([chunk.samples for chunk in chunks])


def times(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("??/*.wav")}


def test_a_stopped_text_goes_on_and_sounds_the_same(tts, tmp_path):
    whole = list(tts.stream(TEXT))
    target, folder = tmp_path / "a.wav", tmp_path / "a.wav.unfinished"
    with pytest.raises(Stopped):
        spoken(tts, target, stop=2)
    assert count(folder) == 2
    with pytest.raises(Stopped):
        spoken(tts, target, stop=3)
    assert count(folder) == 3
    before = times(folder)
    with pytest.raises(Stopped):
        spoken(tts, target, stop=4)
    assert before.items() <= times(folder).items()
    again = spoken(tts, target)
    assert np.array_equal(samples(again), samples(whole))
    assert [c.words for c in again] == [c.words for c in whole]
    assert [(c.start, c.end) for c in again] == [(c.start, c.end) for c in whole]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("early", [False, True])
def test_a_voice_that_clones_goes_on_the_same(tmp_path, early):
    tts, voice = tiny_f5(), cloned()
    how = {"voice": voice, "early": early, "steps": 2}
    whole = list(tts.stream(TEXT, **how))
    with pytest.raises(Stopped):
        spoken(tts, tmp_path / "a.wav", stop=3, **how)
    assert count(unfinished(tmp_path / "a.wav")) >= 2
    assert np.array_equal(samples(spoken(tts, tmp_path / "a.wav", **how)), samples(whole))


def test_only_what_is_asked_for_differently_is_spoken_again(tts, tmp_path):
    target = tmp_path / "a.wav"
    with pytest.raises(Stopped):
        spoken(tts, target, stop=4)
    folder = unfinished(target)
    before = times(folder)
    with pytest.raises(Stopped):
        spoken(tts, target, TEXT.replace("second", "last"), stop=4)
    assert count(folder) == 5
    with pytest.raises(Stopped):
        spoken(tts, target, seed=1, stop=4)
    assert count(folder) == 9
    assert before.items() <= times(folder).items()


def test_what_is_damaged_is_spoken_again(tts, tmp_path):
    target = tmp_path / "a.wav"
    with pytest.raises(Stopped):
        spoken(tts, target, stop=4)
    audio = sorted(unfinished(target).glob("??/*.wav"))
    audio[0].write_bytes(audio[0].read_bytes()[:300])
    io.write(audio[1], Audio(np.zeros(7, np.float32), tts.sample_rate), "wav-float")
    audio[2].with_suffix(".json").write_text("{")
    assert np.array_equal(samples(spoken(tts, target)), samples(tts.stream(TEXT)))


def test_a_short_text_writes_nothing_and_an_old_folder_stays_unused(tts, tmp_path):
    with pytest.raises(Stopped):
        spoken(tts, tmp_path / "a.wav", "Hello there.", stop=1)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(Stopped):
        spoken(tts, tmp_path / "a.wav", stop=3)
    before = times(unfinished(tmp_path / "a.wav"))
    with pytest.raises(Stopped):
        spoken(tts, tmp_path / "a.wav", stop=3, resume=False)
    assert all(times(unfinished(tmp_path / "a.wav"))[name] > at for name, at in before.items())


def test_two_processes_do_not_share_a_target(tts, tmp_path):
    with (
        alone(unfinished(tmp_path / "a.wav")),
        pytest.raises(UsageError, match="Another process"),
    ):
        spoken(tts, tmp_path / "a.wav")


def cloned() -> Voice:
    return tiny_f5().voice(speechlike(2.0, 24_000), F5_WORDS)
