"""Times of day."""

from __future__ import annotations

from collections.abc import Callable

import pytest

CASES = [
    ("It was 3 a.m. I was awake.", "It was three A M. I was awake."),
    ("10:30", "ten thirty"),
    ("10:05 a.m.", "ten oh five A M."),
    ("at 5 p.m. Friday", "at five P M Friday"),
    ("14:00", "fourteen o'clock"),
    ("1:59 p.m. EST", "one fifty-nine P M E S T"),
    ("9-5pm", "nine to five P M"),
    ("4:00 am - 8:12 pm", "four A M to eight twelve P M"),
    ("1:01:01", "one hour one minute and one second"),
    ("16:9", "sixteen to nine"),
    ("I am 5 and it is 25:99", "I am five and it is twenty-five to ninety-nine"),
]


@pytest.mark.parametrize(("written", "said"), CASES)
def test_reading(check: Callable[[str, str], None], written: str, said: str) -> None:
    check(written, said)
