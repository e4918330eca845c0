"""The published numbers of budget and duration, and where ours differ on purpose."""

from __future__ import annotations

import pytest

from vivavoce.errors import VoiceError
from vivavoce.models.f5.chunking import budget, n_frames, spoken_bytes, utf8_bytes
from vivavoce.text.normalise import normalise
from vivavoce.text.split import chunks

TRANSCRIPT = "Some call me nature, others call me mother nature."  # 51 bytes and one or two spaces
FRAMES = 421  # 4.5 s


def test_the_budget_counts_the_bytes_before_the_second_space() -> None:
    assert budget(TRANSCRIPT, 4.5) == int(51 / 4.5 * 17.5) == 198
    assert budget(TRANSCRIPT, 4.5, speed=0.5) == 99
    assert budget("你好，世界。", 2.0) == int(18 / 2.0 * 20.0)


@pytest.mark.parametrize(("transcript", "seconds"), [(TRANSCRIPT, 21.0), (TRANSCRIPT, 30.0)])
def test_a_reference_that_leaves_no_room_is_refused(transcript: str, seconds: float) -> None:
    with pytest.raises(VoiceError, match="leaves no time"):
        budget(transcript, seconds)


def test_a_transcript_too_short_for_its_reference_is_refused() -> None:
    with pytest.raises(VoiceError, match=r"0\.3 bytes per second"):
        budget("Hi", 12.0)


@pytest.mark.parametrize("speed", [0.5, 1.0, 1.7])
@pytest.mark.parametrize("text", ["Ten bytes.", "Hello there.", "今天天气很好！", "x" * 333])
def test_ten_bytes_and_more_take_the_published_time(text: str, speed: float) -> None:
    published = FRAMES + int(FRAMES / 52 * len(text.encode()) / speed)
    assert n_frames(TRANSCRIPT, FRAMES, text, speed) == published


def test_short_texts_take_a_natural_time() -> None:
    def seconds(text: str, speed: float = 1.0) -> float:
        return (n_frames(TRANSCRIPT, FRAMES, text, speed) - FRAMES) / 93.75

    assert 0.4 < seconds("A") < 0.5
    assert 0.5 < seconds("Yes.") < 0.6  # published: 1.15 s
    assert 0.7 < seconds("Hello you") < seconds("Ten bytes.")  # published: 2.6 s before 0.87 s
    lengths = [seconds("x" * n) for n in range(1, 30)]
    assert lengths == sorted(lengths)
    assert seconds("Yes.", 2.0) == pytest.approx(seconds("Yes.") / 2, abs=0.02)


def test_chunks_by_the_budget_fill_the_window() -> None:
    text = "Nobody knew where the old man had come from, nor did he tell. " * 40
    room = budget(TRANSCRIPT, 4.5)
    for chunk in chunks(text, room, utf8_bytes):
        assert n_frames(TRANSCRIPT, FRAMES, chunk.text) <= 22 * 93.75


def test_digits_count_for_the_words_they_become() -> None:
    assert spoken_bytes("ab é") == utf8_bytes("ab é") == 5
    text = "He has 1234 of 56, and in 1984 it was $17.20 or 3.5%."
    assert 0.8 < spoken_bytes(text) / utf8_bytes(normalise(text).text) < 1.25
