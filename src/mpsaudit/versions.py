"""Versions of torch and macOS: how they compare, and which are known."""

from __future__ import annotations

import re
from functools import cache

from mpsaudit.errors import UsageError

MACOS = ("12", "13", "14", "15", "26", "27")
"""Major releases of macOS that the tables cover; any minor release may follow."""
OLDEST_TORCH = "2.3"
Span = tuple[str, str]
"""A half-open range of versions: from the first, before the second; "" leaves a side open."""


@cache
def number(version: str) -> tuple[int, int, int]:
    """`2.13.0+cpu` as `(2, 13, 0)` and `14.4` as `(14, 4, 0)`, for comparison.

    Raises UsageError if the text does not begin with a number.
    """
    match = re.match(r"(\d+)(?:\.(\d+))?(?:\.(\d+))?", version.strip())
    if not match:
        raise UsageError(f"{version!r} is not a version.", "Write it like 2.13.0 or 15.5.")
    major, minor, patch = (int(part or 0) for part in match.groups())
    return major, minor, patch


def within(version: str, span: Span) -> bool:
    first, end = span
    return (not first or number(version) >= number(first)) and (
        not end or number(version) < number(end)
    )


def span_in_words(name: str, span: Span) -> str:
    """`("2.6", "")` as `torch 2.6 and newer`; a span open on both sides as `every torch`."""
    first, end = span
    if not first and not end:
        return f"every {name}"
    if not end:
        return f"{name} {first} and newer"
    return f"{name} {first} to before {end}" if first else f"{name} before {end}"


def check_macos(version: str) -> str:
    """The version itself; raises UsageError for a release of macOS that no table covers."""
    if not re.fullmatch(r"\d+(\.\d+){0,2}", version) or version.split(".")[0] not in MACOS:
        raise UsageError(
            f"macOS {version!r} is unknown.", f"Known: {', '.join(MACOS)}, such as 14.4 or 15.5."
        )
    return version
