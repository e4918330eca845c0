import numpy as np
import pytest

from vivavoce.errors import GuardError
from vivavoce.speech.guards import SampleGuard, check_duration, check_pace, check_reported

TONE = 0.3 * np.sin(np.arange(4800) / 7).astype(np.float32)


def watched(*pieces):
    guard = SampleGuard("text")
    for piece in pieces:
        guard.feed(piece)
    return guard.finish()


def test_speech_passes():
    assert watched(TONE, TONE) == ()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_not_a_number(bad):
    spoilt = TONE.copy()
    spoilt[100] = bad
    with pytest.raises(GuardError, match="NaN"):
        watched(TONE, spoilt)


def test_silence():
    with pytest.raises(GuardError, match="silence"):
        watched(TONE * 1e-5)


def test_offset_and_clipping_are_warned_about():
    (warning,) = watched(TONE + 0.1)
    assert "offset" in warning
    (warning,) = watched(TONE * 5)
    assert "clipped" in warning
    assert np.abs(SampleGuard("x").feed(TONE * 5)).max() <= 1.0


def test_absurd_durations():
    check_duration(frames=90, tokens=20, frame_s=256 / 24000, text="fine")
    for frames in (1, 20_000):
        with pytest.raises(GuardError, match="not speech"):
            check_duration(frames, tokens=20, frame_s=256 / 24000, text="absurd")


def test_what_the_model_itself_says_went_wrong():
    assert check_reported("", "all is well") == ()
    text = "a text that is far too long to be repeated in full in an error"
    with pytest.raises(
        GuardError, match=r"It rambled \('a text that is far too long to be repeat'"
    ):
        check_reported("It rambled", text)
    with pytest.raises(GuardError, match="not speech") as error:
        check_reported("It rambled", text)
    assert "--seed" in error.value.advice
    (warning,) = check_reported("It rambled", text, lenient=True)
    assert warning.startswith("it rambled ('a text")


def test_a_pace_that_nobody_speaks_at():
    text = "These are six words, no more."
    assert check_pace(text, 2.5) == check_pace(text, 5.0, speed=0.5) == ()
    with pytest.raises(GuardError, match=r"10\.20 s for 'These.*2\.6 characters a second"):
        check_pace(text, 10.2)
    (warning,) = check_pace(text, 10.2, lenient=True)
    assert warning.startswith("the model returned 10.20 s")
