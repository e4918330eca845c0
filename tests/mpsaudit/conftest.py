"""The stand-in's library, compiled once and kept in the user's cache folder."""

import pytest

from mpsaudit import build
from vivavoce.errors import UnsupportedDevice


@pytest.fixture(scope="session")
def library():
    """Its path. Skips, saying why, on a machine that cannot build it."""
    try:
        return build.library()
    except UnsupportedDevice as why:
        pytest.skip(f"THE STRICT ENGINE IS NOT TESTED HERE: {why}")
