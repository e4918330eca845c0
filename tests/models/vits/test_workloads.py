import pytest

from vivavoce.models import MODELS


@pytest.mark.parametrize("name", MODELS.family("vits").workloads())
def test_every_workload_runs_at_toy_size(name):
    assert MODELS.family("vits").workloads()[name].build("cpu")()


def test_the_longest_is_a_minute():
    pieces = MODELS.family("vits").workloads()["longest"].build("cpu")()
    frames = sum(piece.values.shape[-1] for piece in pieces)
    assert frames / pieces[0].spec.frame_rate == pytest.approx(60, abs=1)
