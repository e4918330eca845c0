"""One call of an operator, with its arguments by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch


@dataclass(frozen=True)
class Call:
    """One call of an operator; its arguments by the names of its schema, defaults filled in."""

    operator: str
    values: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.values.get(name)

    @property
    def tensors(self) -> list[torch.Tensor]:
        return list(tensors_in(self.values.values()))

    @property
    def first(self) -> torch.Tensor | None:
        """The first tensor, which most operators call `self` or `input`."""
        return next(tensors_in(self.values.values()), None)


def tensors_in(values: Any) -> Iterator[torch.Tensor]:
    """Every tensor among values, their lists and tuples."""
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from tensors_in(value)


def base_name(name: str) -> str:
    """`aten::add_.Tensor` -> `add_`."""
    return name.rpartition("::")[2].partition(".")[0]


def bind(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Call:
    """A call whose arguments can be asked for by name."""
    values: dict[str, Any] = {}
    for position, (argument, default) in enumerate(_signature(name)):
        values[argument] = args[position] if position < len(args) else kwargs.get(argument, default)
    return Call(base_name(name), values)


@cache
def _signature(name: str) -> tuple[tuple[str, Any], ...]:
    base, _, overload = name.rpartition("::")[2].partition(".")
    operator = getattr(getattr(torch.ops.aten, base), overload or "default")
    return tuple(
        (a.name, a.default_value if a.has_default_value() else None)
        for a in operator._schema.arguments
    )
