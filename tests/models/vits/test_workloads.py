import pytest

from vivavoce.models import MODELS


def test_the_longest_is_a_minute():
    pieces = MODELS.family("vits").workloads()["longest"].build("cpu")()
    frames = sum(piece.values.shape[-1] for piece in pieces)
    assert frames / pieces[0].spec.frame_rate == pytest.approx(60, abs=1)
