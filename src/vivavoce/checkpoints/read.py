"""One reader for every foreign weight file: safetensors or pickle in, a flat `Checkpoint` out.

Knows files and containers, not models: which nested dictionary is wanted is the caller's to say.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vivavoce.checkpoints import inert, mapped, pickles
from vivavoce.errors import BadCheckpoint, near_misses

MAX_DEPTH = 12
MAX_VALUES = 50_000


@dataclass(frozen=True)
class Checkpoint:
    """`tensors` by their foreign names (CPU, as stored), `other` plain metadata beside them.

    `foreign` names classes that were in the file and were replaced by inert stand-ins.
    `source` says where in the file the tensors were: a dotted path, empty for the top.
    """

    tensors: dict[str, Tensor]
    other: dict[str, Any]
    foreign: tuple[str, ...] = ()
    source: str = ""


def read(path: str | Path, inside: Sequence[str] = ()) -> Checkpoint:
    """Read `.safetensors`, `.pth`, `.pt`, `.bin` or a file without suffix.

    `inside` lists dotted names of nested state dicts, the most wanted first
    (`("ema_model_state_dict", "model")`); without a match the only state dict in the file is taken.
    Raises BadCheckpoint when the file is damaged or several state dicts could be meant,
    UnsafeCheckpoint when it was made to run code.
    """
    path = Path(path)
    if path.suffix == ".safetensors":
        tensors, metadata = read_safetensors(path)
        return Checkpoint(tensors, dict(metadata))
    pickled = pickles.read(path)
    found = _state_dicts(pickled.value)
    if not found:
        whole = isinstance(pickled.value, inert.StandIn)
        raise BadCheckpoint(
            f"{path} holds no named tensors.",
            f"It is a whole object ({pickled.value.name}); ask its maker for the state dict."
            if whole
            else "It is not a model's checkpoint.",
        )
    source = _choose(path, found, inside)
    chosen = found[source]
    tensors = {k: v for k, v in chosen.items() if isinstance(v, Tensor)}
    other = _plain(pickled.value) if isinstance(pickled.value, dict) else {}
    if source:
        other |= _plain({k: v for k, v in chosen.items() if not isinstance(v, Tensor)})
    return Checkpoint(tensors, other, pickled.foreign, source)


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors (views of the mapped file) and header metadata. Raises BadCheckpoint."""
    return mapped.read(path)


def scattered(path: Path, name: str) -> dict[str, Tensor]:
    """Every tensor, or list of numbers, in a small file of nested dictionaries.

    Named by `name` and its place, `name/outer/inner`; a file that is one tensor gives `name`.
    Raises BadCheckpoint, UnsafeCheckpoint.
    """
    if path.suffix == ".safetensors":
        return {f"{name}/{key}": tensor for key, tensor in read_safetensors(path)[0].items()}
    found: dict[str, Tensor] = {}
    level = [(name, pickles.read(path).value)]
    for _ in range(MAX_DEPTH):
        below: list[tuple[str, Any]] = []
        for place, item in level:
            table = item.entries if isinstance(item, inert.StandIn) else item
            if isinstance(table, dict):
                below += [(f"{place}/{key}", value) for key, value in table.items()]
            elif isinstance(item, (Tensor, np.ndarray)):
                found[place] = torch.as_tensor(item)
            elif isinstance(item, (list, tuple)) and (numbers := _numbers(item)) is not None:
                found[place] = numbers
            if len(found) + len(below) > MAX_VALUES:
                raise BadCheckpoint(f"{path} holds far too much for what it is.")
        level = below
    return found


def _numbers(values: Sequence[Any]) -> Tensor | None:
    """Nested lists of numbers as a tensor; None for anything else, and for very many."""
    rows: list[Any] = [values]
    shape: list[int] = []
    while rows and all(isinstance(row, (list, tuple)) for row in rows):
        shape.append(len(rows[0]))
        if sum(map(len, rows)) > MAX_VALUES or len(shape) > MAX_DEPTH:
            return None
        rows = [value for row in rows for value in row]
    if not all(type(value) in (int, float) for value in rows) or math.prod(shape) != len(rows):
        return None
    return torch.tensor(rows, dtype=torch.float32).reshape(shape)


def refuse_not_finite(tensors: Iterable[tuple[str, Tensor]]) -> None:
    """Raises BadCheckpoint naming the first tensor with a NaN or an infinity in it.

    Reads every number: for the moment when a file comes in, not for every time it is used.
    """
    for name, tensor in tensors:
        # The sum is not finite when a number is not; a sum that overflows needs the closer look.
        if tensor.is_floating_point() and not tensor.sum(dtype=torch.float32).isfinite():
            wrong = tensor.numel() - int(tensor.float().isfinite().sum())
            if wrong:
                raise BadCheckpoint(
                    f"'{name}' holds {wrong} values that are not numbers (NaN or infinity).",
                    "The training went wrong before this was saved: take an earlier checkpoint.",
                )
        mapped.rest(tensor)


def _state_dicts(value: Any) -> dict[str, dict[str, Any]]:
    """Every dictionary of named tensors at the top or up to three levels down, by dotted path."""
    found: dict[str, dict[str, Any]] = {}
    level, seen = [("", value)], set()
    for _ in range(4):
        below = []
        for path, item in level:
            table = item.entries if isinstance(item, inert.StandIn) else item
            if not isinstance(table, dict) or id(table) in seen:
                continue
            seen.add(id(table))
            named = {k: v for k, v in table.items() if isinstance(k, str)}
            if any(isinstance(v, Tensor) and v.dim() for v in named.values()):
                found[path] = named
            below += [(f"{path}.{k}".lstrip("."), v) for k, v in named.items()]
        level = below
    return found


def _choose(path: Path, found: dict[str, dict[str, Any]], inside: Sequence[str]) -> str:
    for name in inside:
        if name in found:
            return name
    if "" in found:
        return ""
    if len(found) == 1:
        return next(iter(found))
    names = ", ".join(f"'{name}' ({len(table)})" for name, table in list(found.items())[:10])
    wanted = f" None is called {' or '.join(map(repr, inside))}." if inside else ""
    raise BadCheckpoint(
        f"{path} holds several sets of tensors: {names}.{wanted}",
        near_misses(inside[0], found) if inside else "Name the one you want.",
    )


def _plain(table: dict[Any, Any]) -> dict[str, Any]:
    """Numbers, strings and containers of a dictionary; tensors with a shape are left out.

    Stops quietly at MAX_DEPTH and MAX_VALUES: references can make a small file endless.
    """
    left = MAX_VALUES

    def convert(value: Any, depth: int) -> Any:
        nonlocal left
        left -= 1
        if left < 0 or depth > MAX_DEPTH:
            return None
        if isinstance(value, (str, int, float, bool)) or value is None:
            return value
        if isinstance(value, Tensor):
            return value.item() if value.dim() == 0 else None
        if isinstance(value, np.generic):
            return value.item()
        if isinstance(value, np.ndarray):
            return convert(value.tolist(), depth) if value.size <= MAX_VALUES else None
        if isinstance(value, dict):
            pairs = ((str(k), v) for k, v in value.items() if not _is_array(v))
            return {k: convert(v, depth + 1) for k, v in pairs if left > 0}
        if isinstance(value, (list, tuple, set)):
            return [convert(v, depth + 1) for v in value if left > 0]
        if isinstance(value, inert.StandIn):
            return _describe(value, depth, convert)
        return value.name if isinstance(value, inert.Foreign) else None

    return convert(table, 0)


def _describe(value: inert.StandIn, depth: int, convert: Any) -> dict[str, Any]:
    """A stand-in as a table: its class, and its attributes and entries where it has any."""
    result: dict[str, Any] = {"class": value.name}
    if value.args:
        result["args"] = convert(value.args, depth + 1)
    for table in (value.state, value.entries):
        if isinstance(table, dict):
            result |= convert(table, depth + 1) or {}
    return result


def _is_array(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dim() > 0
