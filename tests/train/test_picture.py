from __future__ import annotations

import numpy as np
import pytest

from vivavoce.train import picture


def test_row_0_is_at_the_bottom_and_large_is_light():
    pixels = picture.colour(np.array([[0.0, 0.0], [10.0, 5.0]]))
    assert pixels.shape == (2, 2, 3)
    assert pixels.dtype == np.uint8
    brightness = pixels.astype(int).sum(-1)
    assert brightness[0, 0] > brightness[0, 1] > brightness[1, 0] == brightness[1, 1]


@pytest.mark.parametrize("value", [np.nan, np.inf, 3.0])
def test_flat_or_broken_values_still_make_a_picture(value):
    pixels = picture.colour(np.full((2, 3), value))
    assert (pixels == pixels[0, 0]).all()


def test_another_reader_sees_the_same_pixels(tmp_path):
    image = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(0).integers(0, 256, (7, 5, 3), dtype=np.uint8)
    picture.write_png(tmp_path / "a.png", pixels)
    with image.open(tmp_path / "a.png") as found:
        assert np.array_equal(np.asarray(found), pixels)
