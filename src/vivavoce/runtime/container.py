"""How many processors and how much memory this process may use: a container has less than its host.

On Linux its control groups say so, in version 1 or 2 (kernel documentation, cgroup-v1 and
cgroup-v2); elsewhere there is no limit.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator
from pathlib import Path

UNLIMITED = 1 << 60
"""Version 1 writes a number this large where there is no limit."""
ROOT = Path("/")


def processors(root: Path = ROOT) -> int:
    """How many this process may run on, or its share of their time in whole ones, rounded up."""
    least = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        least = len(os.sched_getaffinity(0))
    for group in _groups("cpu", root):
        quota, period = _share(group)
        if quota and quota > 0 and period:
            least = min(least, math.ceil(quota / period))
    return least


def memory_left(root: Path = ROOT) -> int | None:
    """Bytes up to the nearest limit of a control group; None where there is no limit.

    Files that the system keeps in memory count as free: it lets go of them.
    """
    left = [found for group in _groups("memory", root) if (found := _left(group)) is not None]
    return max(0, min(left)) if left else None


def _groups(controller: str, root: Path) -> Iterator[Path]:
    """The folders of this process's group and of those around it, as far as they can be seen."""
    mounts = root / "sys/fs/cgroup"
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        outermost = mounts / controller if controllers else mounts
        group = outermost / path.lstrip("/")
        while True:
            yield group
            if group == outermost:
                break
            group = group.parent


def _share(group: Path) -> tuple[int | None, int | None]:
    """Microseconds of processor time in a period of so many."""
    quota, _, period = _text(group / "cpu.max").partition(" ")
    if quota:
        return _number(quota), _number(period)
    files = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
    quota_us, period_us = (_number(_text(group / name)) for name in files)
    return quota_us, period_us


def _left(group: Path) -> int | None:
    for limit, used, idle in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        most, held = (_number(_text(group / name)) for name in (limit, used))
        if most is None or held is None or most >= UNLIMITED:
            continue
        rows = dict(line.split(" ", 1) for line in _text(group / "memory.stat").splitlines())
        return most - held + (_number(rows.get(idle, "")) or 0)
    return None


def _number(text: str) -> int | None:
    with contextlib.suppress(ValueError):
        return int(text)
    return None  # "max", or nothing


def _text(file: Path) -> str:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return file.read_text(encoding="utf-8")
    return ""
