"""What the machine can do at best, and the least time that a stage's products need."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from tests.tiny import tiny_tts
from vivavoce.diagnose import bench
from vivavoce.diagnose.floor import CountProducts, MachineFloor, StageFloors, measure_floor
from vivavoce.errors import UsageError

FLOOR = MachineFloor(product_gflops=1.0, bandwidth_gb_s=1.0)


def test_the_machine_has_rates():
    floor = measure_floor()
    assert floor.product_gflops > 0.1
    assert floor.bandwidth_gb_s > 0.01


@torch.inference_mode()
def test_products_of_many_rows_are_bound_by_operations_those_of_one_by_weights():
    weight = torch.ones(30, 20)
    with CountProducts(FLOOR) as counted:
        F.linear(torch.ones(100, 20), weight)
    assert counted.seconds == pytest.approx(2 * 100 * 20 * 30 / 1e9)
    with CountProducts(FLOOR) as counted:
        F.linear(torch.ones(1, 20), weight)
    assert counted.seconds == pytest.approx(4 * 20 * 30 / 1e9)


@torch.inference_mode()
def test_every_form_of_a_product_counts():
    a, b = torch.ones(2, 8, 16), torch.ones(2, 16, 4)
    out = torch.empty(2, 8, 4)
    once = 2 * 2 * 8 * 16 * 4 / 1e9
    with CountProducts(FLOOR) as counted:
        torch.bmm(a, b, out=out)
        out.baddbmm_(a, b)
    assert counted.seconds == pytest.approx(2 * once)
    with CountProducts(FLOOR) as counted:
        F.conv1d(torch.ones(1, 3, 52), torch.ones(5, 3, 3))
        (torch.ones(9) + 1).sin()
    assert counted.seconds == pytest.approx(2 * 50 * 3 * 3 * 5 / 1e9)


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="needs oneDNN")
@torch.inference_mode()
def test_a_packed_layer_counts_like_a_plain_one():
    from vivavoce.runtime.onednn import pack, packed_linear

    packed = pack(torch.ones(30, 20))
    with CountProducts(FLOOR) as counted:
        packed_linear(torch.ones(100, 20), packed, None)
    assert counted.seconds == pytest.approx(2 * 100 * 20 * 30 / 1e9)


def test_stages_add_up():
    stages, side = StageFloors(FLOOR), torch.ones(8, 8)
    with torch.inference_mode():
        for _ in range(2):
            made = stages.timed("one", torch.device("cpu"), lambda: side @ side)
    assert made[0, 0] == 8
    assert stages.seconds == {"one": pytest.approx(2 * 2 * 8**3 / 1e9)}


def test_bench_says_each_stage_s_share(monkeypatch):
    monkeypatch.setattr("vivavoce.speech.load.load", lambda *a, **k: tiny_tts())
    found = bench.bench(runs=1, floor=True)
    assert set(found["floor"]) == {"product_gflops", "bandwidth_gb_s"}
    assert set(found["share_of_floor"]) == {"acoustic", "vocoder"}
    assert found["share_of_floor"]["vocoder"] > 0
    assert "floor" not in bench.bench(runs=1)


def test_other_devices_have_no_floor_here():
    with pytest.raises(UsageError, match="mps"):
        bench._require_cpu("cpu", "mps")
