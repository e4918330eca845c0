"""A device that calls itself mps:0, in host memory, for the rest of the process. Linux only.

Operators of a table run on CPU views of the same memory; every other one is refused as the real
backend refuses it.
"""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from mpsaudit import standin_build, standin_kernels
from mpsaudit.calls import base_name, bind
from mpsaudit.collector import Collector, Described, RaisingCollector
from mpsaudit.errors import StandInUnavailable
from mpsaudit.findings import Severity
from mpsaudit.operator_table import Table, load
from mpsaudit.rules import Rule, in_force, rules_for
from mpsaudit.sandbox import CONCURRENT

_DTYPES = {
    "Float": "float32", "Double": "float64", "Half": "float16", "BFloat16": "bfloat16",
    "Long": "int64", "Int": "int32", "Short": "int16", "Char": "int8", "Byte": "uint8",
    "Bool": "bool", "ComplexFloat": "complex64", "ComplexDouble": "complex128",
}  # fmt: skip
REASONS = {
    "missing": "The operator '{}' is not currently implemented for the MPS device.",
    "silent-cpu": "The operator '{}' is not currently supported on the MPS backend and will fall "
    "back to run on the CPU.",
    "threads": CONCURRENT,
}
_installed: list[MpsStandIn] = []


class MpsStandIn:
    """The installed device. It lasts as long as the process: nothing here can be undone."""

    def __init__(
        self, library: ctypes.CDLL, table: Table, macos: str, collector: Collector | None
    ) -> None:
        self.table = table
        self.macos = macos
        self.collector = collector or RaisingCollector(table.version, (macos,))
        self._recording = collector is not None
        self._library = library
        self._callback = ctypes.CFUNCTYPE(None, *[ctypes.c_char_p] * 3)(self._event)
        self._kernels = torch.library.Library("aten", "IMPL")
        self._own: set[str] = set()

    def reached(self) -> set[str]:
        """Qualified names of the operators that have run on the device so far."""
        self._library.standin_reached.restype = ctypes.c_char_p
        return set(self._library.standin_reached().decode().split()) | self._own

    def start(self, wrong: Mapping[str, float]) -> None:
        library = self._library
        major, _, minor = self.macos.partition(".")
        library.standin_macos(int(major), int(minor or 0))
        if self._recording:
            library.standin_report(self._callback)
        silent = self.table.silent
        for name in silent | set(wrong):
            library.standin_trait(name.encode(), int(name in silent), wrong.get(name, 1.0))
        special = standin_kernels.kernels(self.table, self.macos)
        for name in sorted(self._names() - {name for name, _ in special}):
            rules = self._rules(name)
            library.standin_kernel(name.encode(), int(bool(rules)))
            if rules:
                self._register(name, "MPS", standin_kernels.generic(name), rules)
        for name in standin_kernels.GENERIC:
            library.standin_kernel(name.encode(), 1)
        for (name, key), kernel in special.items():
            self._register(name, key, kernel, self._rules(name))
        torch._C._has_mps = True  # pyright: ignore[reportAttributeAccessIssue]
        backend = importlib.import_module("torch.backends.mps")
        backend.is_available.cache_clear()
        backend.is_macos_or_newer.cache_clear()

    def _names(self) -> set[str]:
        """Operators that get the one kernel: the table's and the branches only Macs compile."""
        names = self.table.native | self.table.silent | set(standin_kernels.MAC_BRANCHES)
        known = set(torch._C._dispatch_get_all_op_names())
        has = torch._C._dispatch_has_kernel_for_dispatch_key
        return {n for n in names & known if not has(n, "MPS")}

    def _rules(self, name: str) -> tuple[Rule, ...]:
        """The rules about what is in a call of the operator, on this torch and macOS."""
        rules = rules_for(base_name(name))
        return tuple(rule for rule, _ in in_force(rules, self.table.version, (self.macos,)))

    def _register(
        self, name: str, key: str, kernel: Callable[..., Any], rules: tuple[Rule, ...]
    ) -> None:
        """Registers `kernel` for the operator, behind its rules."""

        def checked(*args: Any, **kwargs: Any) -> Any:
            self._own.add(name)
            self.collector.check(name, rules, bind(name, args, kwargs))
            return kernel(*args, **kwargs)

        self._kernels.impl(name.removeprefix("aten::"), checked if rules else kernel, key)

    def _event(self, kind: bytes, name: bytes, tensors: bytes) -> None:
        """What C++ reports. Must not raise: there is no Python above it to raise into."""
        what, operator, text = kind.decode(), name.decode(), tensors.decode()
        if what == "node":
            self.collector.locations.remember()
            return
        severity: Severity = "silent-cpu" if what == "silent-cpu" else "error"
        if what == "refused":
            self.collector.note(operator, severity, text)
        else:
            reason = REASONS[what].format(operator)
            self.collector.note(operator, severity, reason, _tensors(text))


def standin(
    table: Table | None = None,
    macos: str = "15.5",
    *,
    wrong: Mapping[str, float] | None = None,
    collector: Collector | None = None,
    cache: Path | str | None = None,
) -> MpsStandIn:
    """Gives this process an mps:0. Call it right after `import torch`, in a process of its own.

    Without `collector` the device behaves as a real one: it raises and warns. With one, what would
    raise or warn is collected and the work goes on. `wrong` injects faults, to test code that
    should notice them: `{"aten::mul.Tensor": 1.01}` scales that operator's floating results.
    `cache` is the folder of the built library. Raises StandInUnavailable: not Linux, no compiler,
    or a process that has an mps already.
    """
    if _installed or _has_mps():
        raise StandInUnavailable("This process has an mps device already.", "Start a fresh one.")
    library = ctypes.CDLL(str(standin_build.library(Path(cache) if cache is not None else None)))
    if not torch._C._mps_is_available():
        raise StandInUnavailable(
            "Torch was asked about mps before the stand-in existed, and it keeps the answer.",
            "Start a fresh process and make the stand-in right after `import torch`.",
        )
    library.standin_trait.argtypes = [ctypes.c_char_p, ctypes.c_int, ctypes.c_double]
    device = MpsStandIn(library, table if table is not None else load(), macos, collector)
    _installed.append(device)
    device.start(wrong or {})
    return device


def _has_mps() -> bool:
    return bool(torch._C._has_mps)


def _tensors(text: str) -> Described:
    """`2,3:Float;:Long` as shapes and dtypes."""
    pairs = [item.partition(":") for item in text.split(";")] if text else []
    shapes = tuple(tuple(int(n) for n in sizes.split(",") if n) for sizes, _, _ in pairs)
    return shapes, tuple(_DTYPES.get(dtype, dtype.lower()) for _, _, dtype in pairs)
