"""The stand-in's library, compiled once and kept in the user's cache folder."""

import pytest

from mpsaudit import standin_build
from mpsaudit.errors import StandInUnavailable


@pytest.fixture(scope="session")
def library():
    """Its path. Skips, saying why, on a machine that cannot build it."""
    try:
        return standin_build.library()
    except StandInUnavailable as why:
        pytest.skip(f"THE STRICT ENGINE IS NOT TESTED HERE: {why}")
