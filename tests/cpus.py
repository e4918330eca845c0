"""Runs the tests as on other processors: `python -m tests.cpus [--write PAGE] [PYTEST ARGUMENTS]`.

Each row of `WAYS` makes torch, oneDNN and MKL use the kernels of another processor, or other
numbers of threads, so that sums are added in another order, or takes away what a Mac lacks.
Prints a table of Markdown; `--write` puts it into a page, in place of an earlier one of the same
machine. Exit code 1 if a test failed.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ONE_THREAD = {"OMP_NUM_THREADS": "1"}
X86_ONLY = {
    "ATEN_CPU_CAPABILITY=default": {"ATEN_CPU_CAPABILITY": "default"},
    "ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
    },
    "MKL_CBWR=COMPATIBLE": {"MKL_CBWR": "COMPATIBLE"},
    "MKL_CBWR=AVX2": {"MKL_CBWR": "AVX2"},
}
WAYS = X86_ONLY | {
    "one thread": {},
    "four threads": {"OMP_NUM_THREADS": "4"},
    "as on a Mac": {"PYTEST_ADDOPTS": "-p tests.as_on_a_mac"},
}
WORKERS = ["-n", "auto", "--maxprocesses", "4", "--dist", "worksteal"]
HEADER = "| setting | passed | failed | skipped | seconds |\n|---|---|---|---|---|\n"


@dataclass(frozen=True)
class Row:
    """What one run of the tests ended with."""

    way: str
    passed: int
    failed: int
    skipped: int
    seconds: float

    def __str__(self) -> str:
        numbers = f"{self.passed} | {self.failed} | {self.skipped} | {self.seconds:.0f}"
        return f"| `{self.way}` | {numbers} |"


def machine() -> str:
    """The processor, its cores, the system and torch: what a table is of."""
    from importlib.metadata import version

    from vivavoce.runtime.measurements import cpu_model

    system = f"{platform.system()} {platform.machine()}"
    return f"{cpu_model()}, {os.cpu_count()} cores, {system}, torch {version('torch')}"


def ways() -> dict[str, dict[str, str]]:
    """Those that mean anything on this kind of processor."""
    x86 = platform.machine().lower() in ("x86_64", "amd64")
    return {way: env for way, env in WAYS.items() if x86 or way not in X86_ONLY}


def run(way: str, arguments: list[str]) -> Row:
    """The tests in processes of their own. A run that ends without a report counts one failure."""
    environment = os.environ | ONE_THREAD | WAYS[way]
    workers = ["-n", "0"] if environment["OMP_NUM_THREADS"] != "1" else WORKERS
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", *workers, f"--junit-xml={report}", *arguments]
        start = time.monotonic()
        code = subprocess.run(command, env=environment, check=False).returncode
        seconds = time.monotonic() - start
        counts = read(report) if report.is_file() else (0, 0, 0)
    passed, failed, skipped = counts
    return Row(way, passed, max(failed, int(code != 0)), skipped, seconds)


def read(report: Path) -> tuple[int, int, int]:
    """Passed, failed and skipped of a JUnit report."""
    suite = ElementTree.parse(report).getroot().find("testsuite")
    assert suite is not None
    total, failures, errors, skipped = (
        int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped")
    )
    return total - failures - errors - skipped, failures + errors, skipped


def table(rows: list[Row], title: str, day: datetime.date) -> str:
    """A section of the page."""
    body = "\n".join(map(str, rows))
    return f"## {title}\n\nOn {day.isoformat()}.\n\n{HEADER}{body}\n"


def placed(page: str, section: str) -> str:
    """The page with the section at its end, or in place of the one with the same title."""
    title = section.partition("\n")[0]
    parts = re.split(r"^(?=## )", page, flags=re.MULTILINE)
    kept = [part for part in parts if part.partition("\n")[0] != title]
    return "\n\n".join(part.strip("\n") for part in [*kept, section] if part.strip()) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, metavar="PAGE")
    parser.add_argument("--way", action="append", choices=list(WAYS), help="only this one")
    options, arguments = parser.parse_known_args()
    rows = []
    for way in options.way or ways():
        print(f"== {way}", flush=True)
        rows.append(run(way, arguments))
    section = table(rows, machine(), datetime.datetime.now(datetime.UTC).date())
    print(section)
    if options.write:
        page = options.write.read_text(encoding="utf-8")
        options.write.write_text(placed(page, section), encoding="utf-8")
    return int(any(row.failed for row in rows))


if __name__ == "__main__":
    raise SystemExit(main())
