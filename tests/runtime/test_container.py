"""What control groups allow, read from a tree of files like the kernel's."""

from __future__ import annotations

import math
import os

import pytest

from vivavoce.runtime.container import memory_left, processors

HERE = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
GIB = 1 << 30


@pytest.fixture
def tree(tmp_path):
    def write(group, **folders):
        """`group` is what /proc says; files of a folder, whose name has `__` in place of `/`."""
        files = {"proc/self/cgroup": group}
        for folder, table in folders.items():
            place = "sys/fs/cgroup" + folder.replace("__", "/")
            files |= {f"{place}/{name}": text for name, text in table.items()}
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return tmp_path

    return write


def test_without_control_groups_the_machine_is_all_ours(tmp_path):
    assert processors(tmp_path) == HERE
    assert memory_left(tmp_path) is None


@pytest.mark.parametrize(
    ("quota", "allowed"),
    [("max 100000", HERE), ("100000 100000", 1), ("20000 100000", 1), ("99900000 100000", HERE)],
)
def test_version_2_processors(tree, quota, allowed):
    assert processors(tree("0::/\n", **{"": {"cpu.max": f"{quota}\n"}})) == allowed


@pytest.mark.skipif(HERE < 2, reason="one processor")
def test_a_share_is_rounded_up(tree):
    root = tree("0::/\n", **{"": {"cpu.max": "110000 100000\n"}})
    assert processors(root) == math.ceil(1.1)


def test_the_tightest_of_the_groups_around_it_counts(tree):
    limited = {"memory.max": f"{4 * GIB}", "memory.current": f"{3 * GIB}", "memory.stat": "anon 5"}
    root = tree(
        "0::/pod/box\n",
        __pod={"cpu.max": "100000 100000\n"} | limited,
        __pod__box={"cpu.max": "max 100000\n", "memory.max": "max", "memory.current": f"{GIB}"},
    )
    assert processors(root) == 1
    assert memory_left(root) == GIB


def test_what_the_system_can_let_go_of_is_free(tree):
    table = {
        "memory.max": f"{2 * GIB}",
        "memory.current": f"{2 * GIB}",
        "memory.stat": f"anon 7\ninactive_file {GIB}\nactive_file 9\n",
    }
    assert memory_left(tree("0::/\n", **{"": table})) == GIB


@pytest.mark.parametrize(
    ("limit", "left"), [(9223372036854771712, None), (3 * GIB, 2 * GIB), (GIB // 2, 0)]
)
def test_version_1(tree, limit, left):
    memory = {"limit_in_bytes": limit, "usage_in_bytes": GIB + 9, "stat": "total_inactive_file 9"}
    root = tree(
        "5:cpuset:/\n4:memory:/docker/abc\n1:cpu,cpuacct:/docker/abc\n0::/\n",
        __cpu={"cpu.cfs_quota_us": "-1\n", "cpu.cfs_period_us": "100000\n"},
        __cpu__docker__abc={"cpu.cfs_quota_us": "50000\n", "cpu.cfs_period_us": "100000\n"},
        __memory={f"memory.{name}": f"{value}\n" for name, value in memory.items()},
    )
    assert processors(root) == 1
    assert memory_left(root) == left
