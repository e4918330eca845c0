"""A failure of the attention reaches the caller, after one more attempt."""

from __future__ import annotations

import pytest

from tests.families import tiny_tacotron2
from vivavoce.errors import GuardError

TEXT = "The rain begins to fall."


class Watch:
    """Counts how often the steps begin again."""

    def __init__(self) -> None:
        self.attempts, self.last = 0, 0

    def __call__(self, done: int, total: int) -> None:
        self.attempts += done <= self.last or not self.last
        self.last = done


@pytest.fixture
def endless():
    tts = tiny_tacotron2()
    tts.model.decoder.stop.bias.data.fill_(-1e4)
    return tts


def test_what_does_not_stop_is_tried_twice_and_then_an_error(endless):
    watch = Watch()
    with pytest.raises(GuardError, match=r"stuck at token \d+ of \d+|found no stop token"):
        endless.speak(TEXT, on_step=watch)
    assert watch.attempts == 2


def test_it_is_kept_with_a_warning_when_asked_for(endless):
    speech = endless.speak(TEXT, on_problem="warn")
    assert any("token" in warning or "stop" in warning for warning in speech.warnings)


def test_a_good_utterance_is_spoken_once():
    watch = Watch()
    assert not tiny_tacotron2().speak(TEXT, on_step=watch).warnings
    assert watch.attempts == 1
