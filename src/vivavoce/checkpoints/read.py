"""Read any foreign weight file: safetensors or pickle in, a flat `Checkpoint` out.

Which nested dictionary is wanted is the caller's to say. Coqui's statistics are read here too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vivavoce.checkpoints import mapped, safetensors_file, torch_file
from vivavoce.checkpoints.pickle_names import GlobalName
from vivavoce.checkpoints.pickle_values import OpaqueObject
from vivavoce.checkpoints.unpickle import Unpickler
from vivavoce.errors import BadCheckpoint, UnsafeCheckpoint, near_misses
from vivavoce.limits import DEFAULT, Budget, Limits, guard

Stats = tuple[tuple[float, ...], tuple[float, ...]]
"""Mean and standard deviation of each mel band."""

MAX_DEPTH = 12
MAX_VALUES = 50_000
MAX_BANDS = 10_000


@dataclass(frozen=True)
class Checkpoint:
    """`tensors` by their foreign names (CPU, as stored), `other` plain metadata beside them.

    `foreign` names classes that were in the file and were replaced by opaque objects.
    `source` says where in the file the tensors were: a dotted path, empty for the top.
    """

    tensors: dict[str, Tensor]
    other: dict[str, Any]
    foreign: tuple[str, ...] = ()
    source: str = ""


def read(path: str | Path, inside: Sequence[str] = (), limits: Limits = DEFAULT) -> Checkpoint:
    """Read `.safetensors`, `.pth`, `.pt`, `.bin` or a file without suffix.

    `inside` lists dotted names of nested state dicts, the most wanted first
    (`("ema_model_state_dict", "model")`); without a match the only state dict in the file is taken.
    `limits` bounds what the file may cost beside its tensors.
    Raises BadCheckpoint when the file is damaged or several state dicts could be meant,
    UnsafeCheckpoint when it was made to run code.
    """
    path = Path(path)
    if path.suffix == ".safetensors":
        tensors, metadata = read_safetensors(path, limits)
        return Checkpoint(tensors, dict(metadata))
    with guard(path):
        return _from_pickle(path, inside, limits)


def _from_pickle(path: Path, inside: Sequence[str], limits: Limits) -> Checkpoint:
    pickled = torch_file.read(path, limits)
    found = _state_dicts(pickled.value)
    if not found:
        whole = isinstance(pickled.value, OpaqueObject)
        raise BadCheckpoint(
            f"{path} holds no named tensors.",
            f"It is a pickled object ({pickled.value.name}); ask the author for the state dict."
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


def read_safetensors(
    path: Path, limits: Limits = DEFAULT
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors (views of the mapped file) and header metadata. Raises BadCheckpoint."""
    return safetensors_file.read(path, limits)


def plain_value(path: Path, limits: Limits = DEFAULT) -> Any:
    """The value in a pickle: tensors, containers and opaque objects, whatever it is.

    Raises BadCheckpoint, UnsafeCheckpoint.
    """
    return torch_file.read(path, limits).value


def statistics_beside(folder: Path, name: object) -> Stats | None:
    """The mel statistics in the file that a configuration names, if it is in `folder`."""
    file = folder / Path(name).name if name and isinstance(name, str) else None
    return statistics(file) if file is not None and file.is_file() else None


def statistics(path: Path, limits: Limits = DEFAULT) -> Stats:
    """`mel_mean` and `mel_std` of Coqui's `scale_stats.npy`, a pickle in an array.

    Raises BadCheckpoint, UnsafeCheckpoint when it would run code.
    """
    with guard(path), path.open("rb") as stream:
        version = np.lib.format.read_magic(stream)
        old = version[0] == 1
        header = np.lib.format.read_array_header_1_0 if old else np.lib.format.read_array_header_2_0
        _, _, dtype = header(stream)
        if not dtype.hasobject:
            raise BadCheckpoint("It holds plain numbers, not named statistics.")
        value = Unpickler(_no_storage, Budget(limits)).run(stream)
        # The one entry of an object array, which the reader keeps as a list of items.
        items = value.items if isinstance(value, OpaqueObject) else None
        table = items[0] if isinstance(items, list) and items else None
        if not isinstance(table, dict) or not {"mel_mean", "mel_std"} <= table.keys():
            raise BadCheckpoint("It holds no mel statistics.", "Use Coqui's scale_stats.npy.")
        return _band_values(table["mel_mean"]), _band_values(table["mel_std"])


def _band_values(values: object) -> tuple[float, ...]:
    numbers = _array(values) if isinstance(values, np.ndarray) else _numbers(values)
    if numbers is None or numbers.numel() > MAX_BANDS or not numbers.isfinite().all():
        raise BadCheckpoint("Its statistics are not a few finite numbers.")
    return tuple(numbers.double().flatten().tolist())


def _no_storage(_: object) -> Any:
    raise UnsafeCheckpoint("Statistics have no tensors.")


def scattered(path: Path, name: str, limits: Limits = DEFAULT) -> dict[str, Tensor]:
    """Every tensor, or list of numbers, in a small file of nested dictionaries.

    Named by `name` and its place, `name/outer/inner`; a file that is one tensor gives `name`.
    Raises BadCheckpoint, UnsafeCheckpoint.
    """
    if path.suffix == ".safetensors":
        tensors, _ = read_safetensors(path, limits)
        return {f"{name}/{key}": tensor for key, tensor in tensors.items()}
    found: dict[str, Tensor] = {}
    level = [(name, plain_value(path, limits))]
    with guard(path):
        for _ in range(MAX_DEPTH):
            below: list[tuple[str, Any]] = []
            for place, item in level:
                if isinstance(item, (dict, OpaqueObject)):
                    below += [(f"{place}/{key}", value) for key, value in _named(item)]
                elif (numbers := _numbers(item)) is not None:
                    found[place] = numbers
                if len(found) + len(below) > MAX_VALUES:
                    raise BadCheckpoint("It holds more values than the limit allows.")
            level = below
    return found


def _named(item: object) -> Iterator[tuple[str, Any]]:
    """The entries of a table that have a name. Numbers are names too: of speakers, of steps."""
    table = item.entries if isinstance(item, OpaqueObject) else item
    for key, value in table.items() if isinstance(table, dict) else ():
        if isinstance(key, (str, int)):
            yield str(key), value


def _numbers(value: object) -> Tensor | None:
    """A tensor, an array or nested lists of numbers as a tensor; None for anything else."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, np.ndarray):
        return _array(value)
    return _rows(value) if isinstance(value, (list, tuple)) else None


def _array(value: np.ndarray) -> Tensor | None:
    """An array of numbers in any byte order; None for text and objects."""
    if value.dtype.kind not in "biufc":
        return None
    return torch.from_numpy(np.array(value.astype(value.dtype.newbyteorder("="))))


def _rows(values: Sequence[Any]) -> Tensor | None:
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
    return torch.tensor([float(value) for value in rows], dtype=torch.float32).reshape(shape)


def refuse_not_finite(tensors: Iterable[tuple[str, Tensor]]) -> None:
    """Raises BadCheckpoint naming the first tensor with a NaN or an infinity in it.

    Reads every number: for the moment when a file comes in, not for every time it is used.
    """
    for name, tensor in tensors:
        # The sum is not finite when a number is not; a sum that overflows needs the closer look.
        tensor = tensor.float() if tensor.itemsize == 1 and tensor.is_floating_point() else tensor
        if tensor.is_floating_point() and not tensor.sum(dtype=torch.float32).isfinite():
            wrong = tensor.numel() - int(tensor.float().isfinite().sum())
            if wrong:
                raise BadCheckpoint(
                    f"'{name}' holds {wrong} values that are not numbers (NaN or infinity).",
                    "Training had diverged when this was saved: use an earlier checkpoint.",
                )
        mapped.rest(tensor)


def _state_dicts(value: object) -> dict[str, dict[str, Any]]:
    """Every dictionary of named tensors at the top or up to three levels down, by dotted path."""
    found: dict[str, dict[str, Any]] = {}
    level, seen = [("", value)] if isinstance(value, (dict, OpaqueObject)) else [], set()
    for _ in range(4):
        below = []
        for path, item in level:
            table = item.entries if isinstance(item, OpaqueObject) else item
            if id(table) in seen:
                continue
            seen.add(id(table))
            named = {k: v for k, v in table.items() if isinstance(k, str)}
            if any(isinstance(v, Tensor) and v.dim() for v in named.values()):
                found[path] = named
            below += [
                (f"{path}.{k}".lstrip("."), v)
                for k, v in named.items()
                if isinstance(v, (dict, OpaqueObject))
            ]
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

    def spend() -> bool:
        nonlocal left
        left -= 1
        return left >= 0

    def convert(value: Any, depth: int) -> Any:
        if not spend() or depth > MAX_DEPTH:
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
            pairs = takewhile(lambda _: spend(), _named(value))
            return {k: convert(v, depth + 1) for k, v in pairs if not _is_array(v)}
        if isinstance(value, (list, tuple, set)):
            return [convert(v, depth + 1) for v in takewhile(lambda _: left > 0, value)]
        if isinstance(value, OpaqueObject):
            return _describe(value, depth, convert)
        return value.name if isinstance(value, GlobalName) else None

    return convert(table, 0)


def _describe(value: OpaqueObject, depth: int, convert: Any) -> dict[str, Any]:
    """An opaque object as a table: its class, and its attributes and entries where it has any."""
    result: dict[str, Any] = {"class": value.name}
    if value.args:
        result["args"] = convert(value.args, depth + 1)
    for table in (value.state, value.entries):
        if isinstance(table, dict):
            result |= convert(table, depth + 1) or {}
    return result


def _is_array(value: object) -> bool:
    return isinstance(value, Tensor) and value.dim() > 0
