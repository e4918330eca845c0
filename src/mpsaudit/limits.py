"""Calls a device refuses, or gets wrong, for what is in them: sizes, types, options.

Knows how rules apply (which torch, which macOS); the rules themselves are in rules.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import torch

from mpsaudit.advice import advice
from mpsaudit.calls import base_name, bind, tensors_in
from mpsaudit.findings import Finding, Severity
from mpsaudit.rules import RULES, Rule
from mpsaudit.versions import number

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


def check(
    name: str, args: Sequence[Any], kwargs: Mapping[str, Any], torch_version: str, macos: str
) -> Iterator[Finding]:
    """What is known to go wrong in this call on that torch and macOS, from its arguments alone.

    `name` is `aten::op` or `aten::op.overload`.
    """
    for rule in rules_for(base_name(name)):
        if rule.applies(torch_version, macos):
            call = bind(name, args, kwargs)
            if rule.broken(call):
                yield finding(name, rule.severity, rule.text, call.tensors, macos)


def check_result(name: str, result: Any, macos: str) -> Iterator[Finding]:
    """What the device could not have allocated: float64, foreign types, more than 16 dimensions."""
    for reason in refused(result):
        yield finding(name, "error", reason, list(tensors_in([result])), macos)


def refused(result: Any) -> Iterator[str]:
    """The runtime's own words for each tensor in a result that it could not hold."""
    for tensor in (result,) if isinstance(result, torch.Tensor) else tensors_in([result]):
        if tensor.dtype not in DTYPES:
            double = tensor.dtype in (torch.float64, torch.complex128)
            yield FLOAT64 if double else NO_DTYPE.format(tensor.dtype)
        if tensor.dim() > MAX_RANK:
            yield RANK.format(tensor.dim())


def finding(
    name: str, severity: Severity, reason: str, tensors: Sequence[torch.Tensor], macos: str = ""
) -> Finding:
    return Finding(
        operator=name,
        severity=severity,
        reason=reason,
        shapes=tuple(tuple(t.shape) for t in tensors),
        dtypes=tuple(str(t.dtype).removeprefix("torch.") for t in tensors),
        advice=advice(name, reason),
        macos=(macos,) if macos else (),
    )


@cache
def rules_for(base: str) -> tuple[Rule, ...]:
    """The rules about an operator, whichever overload."""
    return tuple(rule for rule in RULES if base in rule.operators)


def at_least(version: str, bound: str) -> bool:
    """Whether a version of torch or macOS is the bound or newer."""
    return number(version) >= number(bound)
