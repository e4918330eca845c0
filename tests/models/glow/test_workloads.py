import pytest

from vivavoce.models import MODELS


def test_every_workload_runs_at_toy_size():
    found = MODELS.family("glow").workloads()
    assert {"shortest", "typical", "longest", "batch", "training"} <= found.keys()
    for work in found.values():
        work.build("cpu")()


def test_the_table_prefixes_names_and_refuses_others():
    assert "glow.typical" in MODELS.workloads()
    with pytest.raises(Exception, match="glow"):
        MODELS.family("glwo")
