"""Every piece of work on an Apple GPU, compared with the CPU. Skipped where there is none.

Warnings are errors here as in all tests, so an operator that leaves the GPU fails its test.
"""

from __future__ import annotations

import os

import pytest
import torch

from vivavoce.diagnose.report import FALLBACK
from vivavoce.diagnose.selftest import CPU, TOLERANCE, difference, lower_fault, tensors
from vivavoce.models import MODELS
from vivavoce.vocoders import VOCODERS

pytestmark = [
    pytest.mark.mps,
    pytest.mark.skipif(not torch.backends.mps.is_available(), reason="no Apple GPU"),
]
MPS = torch.device("mps")
WORKS = MODELS.workloads() | VOCODERS.workloads()


@pytest.mark.parametrize("name", [name for name in WORKS if ".training" not in name])
def test_gives_the_numbers_of_the_cpu(name):
    work = WORKS[name]
    if exact := work.in_float32:
        assert lower_fault(work, exact, MPS) == ""
        return
    with torch.inference_mode():
        expected, found = (list(tensors(work.build(device)())) for device in (CPU, MPS))
    assert difference(expected, found) <= TOLERANCE


@pytest.mark.parametrize("name", [name for name in WORKS if ".training" in name])
def test_trains(name):
    WORKS[name].build(MPS)()


def test_no_work_may_leave_the_device_unseen():
    assert os.environ.get(FALLBACK, "0") in ("", "0")
