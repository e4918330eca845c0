"""The script behind `make test-cpus`: what it runs, counts and writes."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from tests import cpus

DAY = datetime.date(2026, 1, 31)


def test_a_run_counts_what_passed_failed_and_was_skipped(tmp_path: Path) -> None:
    file = tmp_path / "test_toy.py"
    file.write_text(
        "import os, pytest\n"
        "def test_right(): assert os.environ['MKL_CBWR'] == 'COMPATIBLE'\n"
        "def test_threads(): assert os.environ['OMP_NUM_THREADS'] == '1'\n"
        "def test_wrong(): assert False\n"
        "@pytest.mark.skip\ndef test_not(): ...\n"
    )
    row = cpus.run("MKL_CBWR=COMPATIBLE", ["-n", "0", "-c", "/dev/null", str(file)])
    assert (row.passed, row.failed, row.skipped) == (2, 1, 1)
    assert str(row).startswith("| `MKL_CBWR=COMPATIBLE` | 2 | 1 | 1 |")


def test_a_run_that_collects_nothing_failed(tmp_path: Path) -> None:
    row = cpus.run("one thread", ["-n", "0", "-c", "/dev/null", str(tmp_path)])
    assert (row.passed, row.failed) == (0, 1)


@pytest.mark.parametrize(("kind", "count"), [("x86_64", 7), ("arm64", 3)])
def test_other_kinds_of_processors_have_no_kernels_of_these(monkeypatch, kind, count) -> None:
    monkeypatch.setattr("platform.machine", lambda: kind)
    assert len(cpus.ways()) == count


def test_a_table_replaces_that_of_the_same_machine() -> None:
    rows = [cpus.Row("one thread", 9, 0, 1, 61.4)]
    first = cpus.table(rows, "One CPU", DAY)
    assert "| `one thread` | 9 | 0 | 1 | 61 |" in first
    page = cpus.placed("# Title\n\nText.\n", first)
    page = cpus.placed(page, cpus.table(rows, "Another CPU", DAY))
    again = cpus.placed(page, cpus.table([cpus.Row("one thread", 10, 0, 0, 5)], "One CPU", DAY))
    assert again.startswith("# Title\n\nText.\n\n## Another CPU")
    assert again.count("## One CPU") == 1
    assert "| `one thread` | 10 |" in again
    assert "| 61 |" in again.partition("## One CPU")[0]
    assert cpus.placed(again, cpus.table(rows, "One CPU", DAY)) == cpus.placed(page, first)
