"""Every piece of work is listed; tests/mpsaudit/test_workloads.py runs it."""

from __future__ import annotations

from vivavoce.models import MODELS
from vivavoce.models.f5.workloads import workloads


def test_all_are_in_the_table():
    listed = MODELS.workloads()
    assert {f"f5.{name}" for name in workloads()} <= listed.keys()
    assert {"shortest", "typical", "longest", "batch", "e2", "edit"} <= workloads().keys()
