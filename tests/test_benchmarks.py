"""Benchmarks are run by hand and rarely: that they can be, as far as it costs nothing to know."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
NAMES = sorted(path.stem for path in (ROOT / "benchmarks").glob("*.py"))


@pytest.mark.parametrize("name", NAMES)
def test_what_a_benchmark_imports_exists(name: str) -> None:
    assert importlib.import_module(f"benchmarks.{name}").__doc__
