"""Every piece of work runs, and is listed."""

from __future__ import annotations

import pytest

from vivavoce.models import MODELS
from vivavoce.models.f5.workloads import workloads


@pytest.mark.parametrize("name", workloads())
def test_runs_at_toy_size(name):
    work = workloads()[name]
    again = work.build("cpu")
    assert again() is None or work.description


def test_all_are_in_the_table():
    listed = MODELS.workloads()
    assert {f"f5.{name}" for name in workloads()} <= listed.keys()
    assert {"shortest", "typical", "longest", "batch", "e2", "edit"} <= workloads().keys()
