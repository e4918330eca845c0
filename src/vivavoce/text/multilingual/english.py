"""English numbers in the words that XTTS was trained with, which differ from our own voices'.

"One thousand, two hundred and thirty-four": a comma between groups of three digits, "and" within
each. Equal to num2words 0.5.14, so that English needs no extra.
"""

from __future__ import annotations

from vivavoce.text.normalise.numbers import SCALES, SMALL, below_thousand, digits, to_ordinal


def cardinal(n: int) -> str:
    """The words of a number from 0 to below 10^36."""
    if n == 0:
        return SMALL[0]
    groups = []
    for power in range(len(SCALES) - 1, 0, -1):
        group = n // 1000**power % 1000
        if group:
            groups.append(f"{below_thousand(group, 'and ')} {SCALES[power]}")
    words, rest = ", ".join(groups), n % 1000
    if rest:
        words += "" if not words else " and " if rest < 100 else ", "
        words += below_thousand(rest, "and ")
    return words


def ordinal(n: int) -> str:
    return to_ordinal(cardinal(n))


def decimal(whole: str, fraction: str) -> str:
    """12, 50 -> twelve point five; 3, 00 -> three."""
    fraction = fraction.rstrip("0")
    return cardinal(int(whole)) + (f" point {digits(fraction)}" if fraction else "")
