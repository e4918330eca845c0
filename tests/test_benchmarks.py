"""Benchmarks are run by hand and rarely: that they can be, as far as it costs nothing to know."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAMES = sorted(path.stem for path in (ROOT / "benchmarks").glob("*.py"))


@pytest.mark.parametrize("name", NAMES)
def test_what_a_benchmark_imports_exists(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a module of the package or, where it is run as a file, with its neighbours beside it."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    monkeypatch.syspath_prepend(ROOT)
    assert importlib.import_module(f"benchmarks.{name}").__doc__
