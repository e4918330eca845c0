import pytest

from vivavoce import models


def test_every_workload_runs_at_toy_size():
    found = models.family("glow").workloads.workloads()
    assert {"shortest", "typical", "longest", "batch", "training"} <= found.keys()
    for work in found.values():
        work.build("cpu")()


def test_the_table_prefixes_names_and_refuses_others():
    assert "glow.typical" in models.workloads()
    with pytest.raises(Exception, match="glow"):
        models.family("glwo")
