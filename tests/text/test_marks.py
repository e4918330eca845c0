"""Pause marks: what they ask for, what is not one, and what is refused."""

from __future__ import annotations

import pytest

from vivavoce.errors import TextError
from vivavoce.text.marks import MARK, seconds, stretches


@pytest.mark.parametrize(
    ("written", "pause_s"),
    [
        ("[pause 1.5s]", 1.5),
        ("[pause 500ms]", 0.5),
        ("[PAUSE 2 s]", 2.0),
        ("[pause: 1,5 s]", 1.5),
        ("[pause 3]", 3.0),
        ("[pause 2 seconds]", 2.0),
        ("[pause]", 0.5),
        ("[pause 0s]", 0.0),
        ("[pause 30s]", 30.0),
        ('<break time="1s"/>', 1.0),
        ("<break time='250ms' />", 0.25),
        ('<break time="1s"></break>', 1.0),
        ('<break strength="strong"/>', 1.0),
        ("<break/>", 0.5),
        ("<BREAK TIME=2s>", 2.0),
    ],
)
def test_a_mark_says_how_long(written: str, pause_s: float) -> None:
    match = MARK.fullmatch(written)
    assert match is not None
    assert seconds(match) == pytest.approx(pause_s)


@pytest.mark.parametrize(
    "written",
    ["[pause the video]", "[pauses 1s]", "<breakfast>", "pause 1s", r"\[pause 1s]", r"\<break/>"],
)
def test_what_is_no_mark(written: str) -> None:
    assert MARK.search(written) is None


@pytest.mark.parametrize(
    ("written", "quoted"),
    [
        ("[pause 31s]", "31 s"),
        ("[pause -1s]", "-1 s"),
        ("[pause 40000ms]", "40 s"),
        ('<break time="1h"/>', "no valid duration"),
        ('<break time="99s"/>', "99 s"),
        ('<break strength="huge"/>', "no valid duration"),
    ],
)
def test_a_pause_out_of_bounds_is_refused(written: str, quoted: str) -> None:
    with pytest.raises(TextError, match=quoted) as refused:
        list(stretches(f"Hello {written} there."))
    assert refused.value.exit_code == 2
    assert refused.value.advice


def test_stretches_are_what_stands_between() -> None:
    text = "One [pause 1s] two <break/>three"
    found = list(stretches(text))
    assert [text[s.start : s.end] for s in found] == ["One ", " two ", "three"]
    assert [s.pause_s for s in found] == [1.0, 0.5, None]
