"""Faults of a version of torch and macOS, whatever the model: the table is data/faults.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mpsaudit.errors import UsageError
from mpsaudit.findings import SEVERITIES, Severity
from mpsaudit.versions import OLDEST_TORCH, Span, check_macos, number, within

TABLE = Path(__file__).parent / "data" / "faults.toml"


@dataclass(frozen=True)
class Fault:
    """`text` says what goes wrong, `advice` what to do, `source` who reported it."""

    severity: Severity
    text: str
    advice: str
    source: str
    torch: Span = ("", "")
    macos: Span = ("", "")


def faults(torch: str, macos: str) -> tuple[Fault, ...]:
    """The known faults of this torch on this macOS, errors first.

    Raises UsageError for a torch older than every table, or an unknown macOS.
    """
    check_macos(macos)
    if number(torch) < number(OLDEST_TORCH):
        raise UsageError(
            f"No table covers torch {torch} on macOS.", f"Known: {OLDEST_TORCH} and newer."
        )
    known = [f for f in all_faults() if within(torch, f.torch) and within(macos, f.macos)]
    return tuple(sorted(known, key=lambda fault: SEVERITIES.index(fault.severity)))


@cache
def all_faults() -> tuple[Fault, ...]:
    rows: list[dict[str, Any]] = tomllib.loads(TABLE.read_text(encoding="utf-8"))["faults"]
    for row in rows:
        row |= {name: tuple(row[name]) for name in ("torch", "macos") if name in row}
    return tuple(Fault(**row) for row in rows)
