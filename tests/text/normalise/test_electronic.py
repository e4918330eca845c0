"""Addresses of machines and telephones."""

from __future__ import annotations

from collections.abc import Callable

import pytest

CASES = [
    ("020 7946 0958", "zero two zero, seven nine four six, zero nine five eight"),
    ("a.bc@gmail.com", "a dot B C at gmail dot com"),
    ("www.x.org/a-1", "W W W dot X dot org slash a dash one"),
    ("Visit nvidia.com.", "Visit nvidia dot com."),
    ("123.123.0.40", "one two three dot one two three dot zero dot four zero"),
    ("v3.11", "version three dot eleven"),
    ("+1 123-123-5678", "plus one, one two three, one two three, five six seven eight"),
    ("(555)555-5555", "five five five, five five five, five five five five"),
    ("Call 555-1234", "Call five five five, one two three four"),
    ("500-1000 people", "five hundred to one thousand people"),
    ("1-800-GO-U-HAUL", "one, eight hundred, GO U HAUL"),
    ("ending in 8876", "ending in eight eight seven six"),
    ("call 911", "call nine one one"),
]


@pytest.mark.parametrize(("written", "said"), CASES)
def test_reading(check: Callable[[str, str], None], written: str, said: str) -> None:
    check(written, said)
