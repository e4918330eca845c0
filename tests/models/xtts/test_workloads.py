"""Every piece of work runs, and is listed."""

from __future__ import annotations

import pytest

from vivavoce import models
from vivavoce.models.xtts.workloads import workloads


@pytest.mark.parametrize("name", workloads())
def test_runs_at_toy_size(name):
    work = workloads()[name]
    again = work.build("cpu")
    assert again() is not None
    assert work.description


def test_all_are_in_the_table():
    listed = models.workloads()
    assert {f"xtts.{name}" for name in workloads()} <= listed.keys()
    assert {"shortest", "typical", "longest", "batch", "recording"} <= workloads().keys()
