"""The order of the rules: what is protected, what is read last."""

from __future__ import annotations

from collections.abc import Callable

import pytest

CASES = [
    ("go <noise/> home 2", "go <noise/> home two"),
    ("[HH AH0 L OW1] 1", "[HH AH0 L OW1] one"),
    ("[nəkɫudɔf 2] and [5]", "[nəkɫudɔf 2] and [five]"),
    ("``test`` 5", '"test" five'),
    ("$ and 5% or %", "dollar and five percent or percent"),
    ("10% to 20%", "ten percent to twenty percent"),
    ("minus -5 to +5", "minus minus five to plus five"),
]


@pytest.mark.parametrize(("written", "said"), CASES)
def test_reading(check: Callable[[str, str], None], written: str, said: str) -> None:
    check(written, said)
