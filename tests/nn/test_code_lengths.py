"""Is a text said in a number of codes that it can need?"""

from __future__ import annotations

import pytest

from vivavoce.nn.code_lengths import length_problem, most_codes


@pytest.mark.parametrize(
    ("n_codes", "stopped", "asked", "message"),
    [
        (60, True, False, ""),
        (9, True, False, "stopped after 0.4 s; the text is probably truncated"),
        (500, False, False, "length limit (23.2 s) without a stop token"),
        (500, False, True, ""),
    ],
)
def test_lengths_of_twenty_tokens(n_codes, stopped, asked, message):
    found = length_problem(n_codes, 20, 22_050 / 1024, stopped, asked)
    assert message in found
    assert bool(message) == bool(found)


def test_a_longer_text_may_become_more_codes():
    assert most_codes(40) > most_codes(20) > 100
