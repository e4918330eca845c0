"""A device that calls itself mps:0, in host memory, for the rest of the process. Linux only.

Operators of a table run on CPU views of the same memory; every other one is refused as the real
backend refuses it. Knows no findings' fate: it raises, or hands them to a recorder.
"""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from mpsaudit import build, limits, standin_kernels
from mpsaudit.advice import advice
from mpsaudit.calls import base_name, bind
from mpsaudit.findings import Finding, Severity
from mpsaudit.place import Places
from mpsaudit.rules import Rule
from vivavoce.errors import UnsupportedDevice

if TYPE_CHECKING:
    from mpsaudit.table import Table

Recorder = Callable[[Finding], None]
_DTYPES = {
    "Float": "float32", "Double": "float64", "Half": "float16", "BFloat16": "bfloat16",
    "Long": "int64", "Int": "int32", "Short": "int16", "Char": "int8", "Byte": "uint8",
    "Bool": "bool", "ComplexFloat": "complex64", "ComplexDouble": "complex128",
}  # fmt: skip
WORDS = {
    "missing": "The operator '{}' is not currently implemented for the MPS device.",
    "silent-cpu": "The operator '{}' is not currently supported on the MPS backend and will fall "
    "back to run on the CPU.",
}
_installed: list[StandIn] = []


class StandIn:
    """The installed device. It lasts as long as the process: nothing here can be taken back."""

    def __init__(
        self, library: ctypes.CDLL, table: Table, macos: str, record: Recorder | None
    ) -> None:
        self.table = table
        self.macos = macos
        self.record = record
        self._library = library
        self._callback = ctypes.CFUNCTYPE(None, *[ctypes.c_char_p] * 3)(self._event)
        self._kernels = torch.library.Library("aten", "IMPL")
        self._own: set[str] = set()
        self._places = Places()

    def reached(self) -> set[str]:
        """Qualified names of the operators that have run on the device so far."""
        self._library.standin_reached.restype = ctypes.c_char_p
        return set(self._library.standin_reached().decode().split()) | self._own

    def start(self, wrong: Mapping[str, float]) -> None:
        library = self._library
        major, _, minor = self.macos.partition(".")
        library.standin_macos(int(major), int(minor or 0))
        if self.record is not None:
            library.standin_report(self._callback)
        silent = self.table.silent
        for name in silent | set(wrong):
            library.standin_trait(name.encode(), int(name in silent), wrong.get(name, 1.0))
        special = standin_kernels.kernels(self.table, self.macos)
        for name in sorted(self._names() - {name for name, _ in special}):
            rules = self._rules(name)
            library.standin_kernel(name.encode(), int(bool(rules)))
            if rules:
                self._place(name, "MPS", standin_kernels.generic(name), rules)
        for name in standin_kernels.GENERIC:
            library.standin_kernel(name.encode(), 1)
        for (name, key), kernel in special.items():
            self._place(name, key, kernel, self._rules(name))
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
        version = self.table.version
        known = limits.rules_for(base_name(name))
        return tuple(rule for rule in known if rule.applies(version, self.macos))

    def _place(
        self, name: str, key: str, kernel: Callable[..., Any], rules: tuple[Rule, ...]
    ) -> None:
        """Makes `kernel` the operator's, behind its rules."""

        def checked(*args: Any, **kwargs: Any) -> Any:
            self._own.add(name)
            call = bind(name, args, kwargs)
            for rule in rules:
                if rule.broken(call):
                    self._handle(limits.finding(name, rule.severity, rule.text, call.tensors))
            return kernel(*args, **kwargs)

        self._kernels.impl(name.removeprefix("aten::"), checked if rules else kernel, key)

    def _handle(self, finding: Finding) -> None:
        if self.record is not None:
            place, backward = self._places.current()
            found = replace(finding, place=place, backward=backward, macos=(self.macos,))
            self.record(found)
        elif finding.severity == "error":
            raise RuntimeError(finding.reason)

    def _event(self, kind: bytes, name: bytes, tensors: bytes) -> None:
        """What C++ saw. Must not raise: there is no Python above it to raise into."""
        what, operator, text = kind.decode(), name.decode(), tensors.decode()
        if what == "node":
            self._places.remember()
            return
        severity: Severity = "silent-cpu" if what == "silent-cpu" else "error"
        reason = text if what == "refused" else WORDS[what].format(operator)
        shapes, dtypes = ((), ()) if what == "refused" else _tensors(text)
        hint = advice(operator, reason)
        self._handle(Finding(operator, severity, reason, shapes, dtypes, advice=hint))


def standin(
    table: Table | None = None,
    macos: str = "15.5",
    *,
    wrong: Mapping[str, float] | None = None,
    record: Recorder | None = None,
    cache: Path | None = None,
) -> StandIn:
    """Give this process an mps:0. Call it right after `import torch`, in a process of its own.

    Without `record` the device behaves as a real one: it raises and warns. With it, what would
    raise or warn is recorded and the work goes on. `wrong` injects faults, to test those who
    should notice: `{"aten::mul.Tensor": 1.01}` scales that operator's floating results.
    `cache` is the folder of the built library. Raises UnsupportedDevice: not Linux, no compiler,
    or a process that has an mps already.
    """
    from mpsaudit.table import load

    if _installed or _has_mps():
        raise UnsupportedDevice("This process has an mps device already.", "Start a fresh one.")
    library = ctypes.CDLL(str(build.library(cache)))
    if not torch._C._mps_is_available():
        raise UnsupportedDevice(
            "Something asked torch about mps before the stand-in was there, and torch remembers.",
            "Start a fresh process and make the stand-in right after `import torch`.",
        )
    library.standin_trait.argtypes = [ctypes.c_char_p, ctypes.c_int, ctypes.c_double]
    device = StandIn(library, table if table is not None else load(), macos, record)
    _installed.append(device)
    device.start(wrong or {})
    return device


def _has_mps() -> bool:
    return bool(torch._C._has_mps)


def _tensors(text: str) -> tuple[tuple[tuple[int, ...], ...], tuple[str, ...]]:
    """`2,3:Float;:Long` as shapes and dtypes."""
    pairs = [item.partition(":") for item in text.split(";")] if text else []
    shapes = tuple(tuple(int(n) for n in sizes.split(",") if n) for sizes, _, _ in pairs)
    return shapes, tuple(_DTYPES.get(dtype, dtype.lower()) for _, _, dtype in pairs)
