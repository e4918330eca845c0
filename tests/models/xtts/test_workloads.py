"""Every piece of work is listed; tests/mpsaudit/test_workloads.py runs it."""

from __future__ import annotations

import pytest
import torch

from vivavoce.diagnose.selftest import difference, tensors
from vivavoce.models import MODELS
from vivavoce.models.xtts import workloads as work_of
from vivavoce.models.xtts.workloads import workloads


def test_all_are_in_the_table():
    listed = MODELS.workloads()
    assert {f"xtts.{name}" for name in workloads()} <= listed.keys()
    assert {"shortest", "typical", "longest", "batch", "recording"} <= workloads().keys()


@pytest.mark.parametrize("name", ["bfloat16", "recording"])
def test_another_device_s_rounding_draws_no_other_codes(monkeypatch, name):
    """Weights that are off stand for it. One other code, and nothing behind it would be alike."""
    work, exact = workloads()[name], work_of.random_model
    expected = list(tensors(work.build("cpu")()))

    def off(*args):
        model = exact(*args)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(5)
            for p in model.parameters():
                p.mul_(1 + 0.01 * torch.randn(p.shape))
        return model

    monkeypatch.setattr(work_of, "random_model", off)
    found = list(tensors(work.build("cpu")()))
    assert 0 < difference(expected, found) < 0.1
