"""Measurements are kept by key and read back in their type."""

from dataclasses import dataclass

import pytest

from vivavoce.errors import OutputError
from vivavoce.runtime.measurements import MeasurementCache


@dataclass(frozen=True)
class Measured:
    seconds: float


@pytest.fixture
def cache(tmp_path):
    return MeasurementCache(tmp_path / "new" / "measured.json")


def test_what_was_kept_is_read_until_it_is_forgotten(cache):
    assert cache.read("a", Measured) is None
    cache.write("a", Measured(0.5))
    cache.write("b", False)
    assert (cache.read("a", Measured), cache.read("b", bool)) == (Measured(0.5), False)
    cache.write("a", None)
    assert (cache.read("a", Measured), cache.read("b", bool)) == (None, False)


def test_another_type_is_no_measurement(cache):
    cache.write("a", Measured(0.5))
    cache.write("b", 1.0)
    assert cache.read("a", bool) is None
    assert cache.read("b", Measured) is None


def test_a_folder_that_cannot_be_made_raises(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="Cannot write"):
        MeasurementCache(tmp_path / "file" / "measured.json").write("a", True)
