"""The helper that gives all tests their tolerances lets rounding through and nothing else."""

from __future__ import annotations

import pytest
import torch

from tests.conftest import Parity
from tests.tolerance import (
    EPSILON,
    assert_near,
    assert_recorded,
    assert_spectrum,
    assert_within,
    recorded_unit,
)

VALUES = torch.tensor([[1.0, -40.0, 0.0]])


@pytest.fixture
def recording() -> Parity:
    outputs = {
        "exact": {"absmax": 40.0, "fp64_err": 4e-5},
        "small": {"absmax": 2.0},
        "whole numbers": {"absmax": 8.0, "fp64_err": 0.0},
    }
    return Parity("toy", {"outputs": outputs}, {}, {"exact": VALUES}, {})


def test_the_unit_is_what_the_reference_erred_by(recording):
    assert recorded_unit(recording, "exact") == 4e-5
    assert recorded_unit(recording, "small") == pytest.approx(2.0 * 1e-6), "as the worst beside it"
    assert recorded_unit(recording, "whole numbers") == 8 * EPSILON, "one step of float32"
    bare = Parity("bare", {"outputs": {"mel": {"absmax": 3.0}}}, {}, {}, {})
    assert recorded_unit(bare, "mel") == 12 * EPSILON


def test_a_recorded_output_or_a_part_of_it(recording):
    assert_recorded(VALUES + 3e-4, recording, "exact")
    assert_recorded(VALUES[0, 1:] - 3e-4, recording, "exact", (0, slice(1, None)))
    with pytest.raises(AssertionError, match=r"exact: 0\.0004"):
        assert_recorded(VALUES + 4e-4, recording, "exact")


def test_other_shapes_and_no_numbers_are_never_near():
    with pytest.raises(AssertionError, match="instead of"):
        assert_within(VALUES[0], VALUES, 1.0)
    with pytest.raises(AssertionError, match="not finite"):
        assert_within(VALUES * torch.nan, VALUES, 1.0)
    assert_near(VALUES[:0], VALUES[:0])


def test_near_follows_the_largest_value():
    for size in (1e-3, 1.0, 1e3):
        assert_near(VALUES * size * (1 + 60 * EPSILON), VALUES * size)
        with pytest.raises(AssertionError, match="apart"):
            assert_near(VALUES * size * (1 + 80 * EPSILON), VALUES * size)


def test_a_quiet_bin_may_differ_by_the_rounding_of_the_loud_ones_and_no_more():
    spectrum = torch.full((1, 4, 2), 1e-6, dtype=torch.float64)
    spectrum[0, 0] = 50.0
    noise = torch.zeros_like(spectrum)
    noise[0, 3, 1] = 4e-5
    assert_spectrum(spectrum + noise, spectrum)
    with pytest.raises(AssertionError, match="times what rounding explains"):
        assert_spectrum(spectrum + 2 * noise, spectrum)
    with pytest.raises(AssertionError):
        assert_spectrum(spectrum * (1 + 2e-5), spectrum)
