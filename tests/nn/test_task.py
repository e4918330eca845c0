from __future__ import annotations

import inspect

import pytest

from tests.train.fake import OnePhase, TwoPhases
from vivavoce.nn.task import Task


@pytest.mark.parametrize("kind", [OnePhase, TwoPhases])
def test_the_toys_are_tasks(kind):
    """So that the loop is tested with what the protocol says, no more."""
    task = kind({"model": {}}, ())
    methods = {n for n, f in inspect.getmembers(Task, inspect.isfunction) if n[0] != "_"}
    optional = set() if "tokens" in task.needs else {"encode_text"}
    missing = [n for n in {*Task.__annotations__, *methods} - optional if not hasattr(task, n)]
    assert not missing
    assert set(task.parts()) == set(task.phases)
