"""What is said for what is written."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from vivavoce.text.normalise import normalise


@pytest.fixture
def check() -> Callable[[str, str], None]:
    """The whole pipeline's reading, and that every character knows where it came from."""

    def compare(written: str, said: str) -> None:
        spoken = normalise(written)
        assert spoken.text == said
        assert len(spoken.origin) == len(spoken.text)
        assert list(spoken.origin) == sorted(spoken.origin)
        assert all(0 <= offset < len(written) for offset in spoken.origin)

    return compare
