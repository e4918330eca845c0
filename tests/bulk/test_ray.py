"""The same work on a cluster of two nodes, one of which is lost."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from tests.bulk.lists import audio, numbered, read
from tests.tiny import tiny_folders
from vivavoce.bulk import Loading, Manner, run
from vivavoce.errors import MissingExtra

MEMORY = 80 << 20
HEALTH = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 1000,
    "health_check_failure_threshold": 3,
}


def test_without_ray_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    path = numbered(tmp_path / "x.jsonl", 1)
    with pytest.raises(MissingExtra, match=r"vivavoce\[ray\]"):
        run(path, tmp_path / "out", ray="auto")


@pytest.fixture
def cluster():
    pytest.importorskip("ray")
    import ray
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 1, "object_store_memory": MEMORY, "include_dashboard": False}
    made = Cluster(initialize_head=True, head_node_args=head | {"_system_config": HEALTH})
    try:
        yield made
    finally:
        ray.shutdown()
        made.shutdown()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_lost_node_costs_its_batches_and_no_more(cluster, tmp_path):
    loading = Loading(str(tiny_folders(tmp_path)[0]), threads=1, device="cpu")
    path, manner = numbered(tmp_path / "x.jsonl", 24), Manner("wav", rows=2)
    run(path, tmp_path / "one", loading=loading, manner=manner)
    node = cluster.add_node(num_cpus=1, object_store_memory=MEMORY)
    killed = []

    def on_row(done, total, row):
        if not killed and done > 3:
            raylet = node.all_processes["raylet"][0].process.pid
            killed.append(raylet)
            os.kill(raylet, signal.SIGKILL)

    how = {"workers": 2, "ray": cluster.address, "on_row": on_row}
    made = run(path, tmp_path / "two", loading=loading, manner=manner, **how)
    assert killed
    assert made.done == 24
    assert audio(tmp_path / "two") == audio(tmp_path / "one")
    ids = [row["id"] for row in read(tmp_path / "two" / "results.jsonl")]
    assert len(ids) == len(set(ids)) == 24
