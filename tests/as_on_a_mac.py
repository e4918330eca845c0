"""A plugin, `pytest -p tests.as_on_a_mac`: what macOS lacks is missing here too.

No /proc and /sys, no affinity, no huge pages, no glibc, no oneDNN; products in int8 are QNNPACK's,
processes are spawned, and `sys.platform` says "darwin". Metal, Apple's kernels and a disk that
ignores capitals are not imitated, nor is any of this in processes that a test starts: tests that
compare with those bit for bit are skipped.
"""

from __future__ import annotations

import asyncio  # noqa: F401 - these look at the platform once, and must see the true one
import builtins
import ctypes
import io
import mmap
import multiprocessing
import os
import resource
import shutil  # noqa: F401
import subprocess  # noqa: F401
import sys
import sysconfig
import tempfile  # noqa: F401
import urllib.request  # noqa: F401
from types import SimpleNamespace
from typing import Any

import pypdfium2  # noqa: F401
import pytest
import soundfile  # noqa: F401
import torch

LINUX_ONLY = {os: ("sched_getaffinity", "posix_fadvise", "memfd_create"), mmap: ("MADV_HUGEPAGE",)}

OTHER_PROCESSES = (
    "tests/bulk/test_pools.py",
    "tests/train/test_distributed.py",
    "tests/train/test_resume",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Their processes have oneDNN, this one has not."""
    for item in items:
        if item.nodeid.startswith(OTHER_PROCESSES):
            item.add_marker(pytest.mark.skip(reason="processes that are not as on a Mac"))


_open, _symbol = io.open, ctypes.CDLL.__getattr__
_setting, _usage = os.sysconf, resource.getrusage


def opened(file: Any, *arguments: Any, **options: Any) -> Any:
    """As `open`; a file of the kernel is not there."""
    if isinstance(file, str | os.PathLike) and os.fspath(file).startswith(("/proc/", "/sys/")):
        raise FileNotFoundError(2, os.strerror(2), os.fspath(file))
    return _open(file, *arguments, **options)


def symbol(self: ctypes.CDLL, name: str) -> Any:
    """As in a library that is not glibc."""
    if name in ("malloc_trim", "mallopt"):
        raise AttributeError(name)
    return _symbol(self, name)


def setting(name: str | int) -> int:
    """Macs do not say how many pages are free."""
    if name == "SC_AVPHYS_PAGES":
        raise ValueError("unrecognized configuration name")
    return _setting(name)


def usage(who: int) -> Any:
    """In bytes, where Linux counts KiB."""
    found = _usage(who)
    facts = {name: getattr(found, name) for name in dir(found) if name.startswith("ru_")}
    return SimpleNamespace(**facts | {"ru_maxrss": found.ru_maxrss * 1024})


for module, names in LINUX_ONLY.items():
    for name in names:
        if hasattr(module, name):
            delattr(module, name)
builtins.open = io.open = opened
ctypes.CDLL.__getattr__ = symbol
os.sysconf, resource.getrusage = setting, usage
multiprocessing.set_start_method("spawn")
torch.backends.mkldnn.is_available = lambda: False
torch._C._set_mkldnn_enabled(False)
torch.backends.quantized.engine = "qnnpack"
sysconfig.get_config_vars()  # kept, like the modules above
sys.platform = "darwin"
