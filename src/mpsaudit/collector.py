"""Collects findings for both engines: applies the rules, adds the line of code, merges repeats."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch

from mpsaudit.advice import advice
from mpsaudit.calls import Call, tensors_in
from mpsaudit.code_location import CodeLocations
from mpsaudit.findings import SEVERITIES, Finding, Severity
from mpsaudit.rules import Rule, in_force

DTYPES = frozenset(
    getattr(torch, name)
    for name in (
        "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "uint16",
        "uint32", "uint64", "bool", "complex64", "complex32",
    )
)  # fmt: skip
MAX_RANK = 16
FLOAT64 = (
    "Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64. "
    "Please use float32 instead."
)
NO_DTYPE = "Trying to convert {} to the MPS backend but it does not have support for that dtype."
RANK = f"MPS supports tensors with dimensions <= {MAX_RANK}, but got {{}}."
Described = tuple[tuple[tuple[int, ...], ...], tuple[str, ...]]
"""The shapes and the dtypes of some tensors."""


def unsupported(result: Any) -> Iterator[str]:
    """What the backend says of each tensor in a result that it cannot allocate."""
    for tensor in (result,) if isinstance(result, torch.Tensor) else tensors_in([result]):
        if tensor.dtype not in DTYPES:
            double = tensor.dtype in (torch.float64, torch.complex128)
            yield FLOAT64 if double else NO_DTYPE.format(tensor.dtype)
        if tensor.dim() > MAX_RANK:
            yield RANK.format(tensor.dim())


def described(tensors: Sequence[torch.Tensor]) -> Described:
    shapes = tuple(tuple(t.shape) for t in tensors)
    return shapes, tuple(str(t.dtype).removeprefix("torch.") for t in tensors)


class Collector:
    """Findings for one torch version and some macOS versions.

    A finding that repeats (same operator, line, reason, severity and direction) is one finding
    with a count. `on_new` is called with the first of each.
    """

    def __init__(
        self,
        torch_version: str,
        macos: Sequence[str],
        on_new: Callable[[Finding], None] | None = None,
    ) -> None:
        self.torch_version, self.macos = torch_version, tuple(macos)
        self.locations = CodeLocations()
        self._on_new = on_new
        self._found: dict[tuple[Any, ...], Finding] = {}

    def check(self, name: str, rules: tuple[Rule, ...], call: Call) -> None:
        """Notes every rule that the call breaks on one of the macOS versions."""
        for rule, hit in in_force(rules, self.torch_version, self.macos):
            if rule.broken(call):
                self.note(name, rule.severity, rule.text, described(call.tensors), hit)

    def note(
        self,
        name: str,
        severity: Severity,
        reason: str,
        tensors: Described = ((), ()),
        macos: Sequence[str] = (),
        place: str = "",
    ) -> None:
        """Adds a finding about this line (or `place`), for `macos` or all of them."""
        here, backward = self.locations.current()
        self.add(
            Finding(
                name, severity, reason, *tensors, place or here, advice(name, reason), 1, backward,
                tuple(macos) or self.macos,
            )
        )  # fmt: skip

    def add(self, finding: Finding, repeats: int = 1) -> None:
        """Merges a finding; one that is known already counts `repeats` times more."""
        key = (finding.operator, finding.place, finding.reason, finding.severity, finding.backward)
        known = self._found.get(key)
        if known is None:
            self._found[key] = finding
            if self._on_new is not None:
                self._on_new(finding)
            return
        macos = tuple(m for m in self.macos if m in known.macos or m in finding.macos)
        self._found[key] = replace(known, count=known.count + repeats, macos=macos)

    def in_order(self) -> list[Finding]:
        """In the order of their first occurrence."""
        return list(self._found.values())

    def findings(self) -> list[Finding]:
        """Worst first."""
        return sorted(self._found.values(), key=lambda f: SEVERITIES.index(f.severity))


class RaisingCollector(Collector):
    """Raises errors as the device would, and keeps nothing: for a stand-in without an audit."""

    def add(self, finding: Finding, repeats: int = 1) -> None:
        if finding.severity == "error":
            raise RuntimeError(finding.reason)
