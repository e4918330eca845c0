"""Strict frozen dataclass <-> TOML or JSON. An unknown key is an error that names its path.

A config class lives beside the thing it configures.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import tomllib
import types
import typing
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from vivavoce import tables
from vivavoce.errors import BadCheckpoint, ConfigError, near_misses
from vivavoce.limits import DEFAULT, Budget, Limits, describe, guard, read_bytes, reason_of

T = TypeVar("T")


def from_dict(cls: type[T], data: dict[str, Any], path: str = "") -> T:
    """Build a dataclass from plain data, checking every key and type on the way.

    Raises ConfigError with the dotted key path for an unknown key, a missing key without a
    default, or a value that does not fit its annotation.
    """
    if not isinstance(data, dict):
        raise ConfigError(f"{path or cls.__name__}: expected a table, found {describe(data)}.")
    hints = _hints(cls)
    known = {f.name: f for f in dataclasses.fields(cls) if f.init}  # type: ignore[arg-type]
    for key in data:
        if key not in known:
            where = f"{path}.{key}" if path else key
            advice = near_misses(str(key)[:100], known)
            raise ConfigError(f"Unknown key '{where[:200]}' in {cls.__name__}.", advice)
    values = {}
    for name, item in known.items():
        where = f"{path}.{name}" if path else name
        if name in data:
            values[name] = _convert(hints[name], data[name], where)
        elif item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING:
            raise ConfigError(f"Missing key '{where}' in {cls.__name__}.", "It has no default.")
    try:
        return cls(**values)
    except (ValueError, ArithmeticError) as error:
        raise ConfigError(f"{path or cls.__name__}: {error}") from error


@cache
def _hints(cls: type[Any]) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def to_dict(config: Any) -> dict[str, Any]:
    """Plain data (tables, lists, numbers, strings), leaving out None, which TOML cannot say."""
    return {
        f.name: _plain(getattr(config, f.name))
        for f in dataclasses.fields(config)
        if getattr(config, f.name) is not None
    }


def load(cls: type[T], file: str | Path, overrides: typing.Sequence[str] = ()) -> T:
    """Read a `.toml` or `.json` file, apply `key.path=value` overrides, build `cls`."""
    return from_dict(cls, apply_overrides(read(file), overrides))


def read(file: str | Path, limits: Limits = DEFAULT) -> dict[str, Any]:
    """The plain data of a `.json` or `.toml` file.

    Raises ConfigError when the file is missing, malformed or beyond the limits.
    """
    file = Path(file)
    kind = "JSON" if file.suffix == ".json" else "TOML"
    with guard(file, ConfigError, advice=""):
        try:
            text = read_bytes(file, limits).decode()
            parse = tables.parse_json if kind == "JSON" else tables.parse_toml
            table = parse(text, Budget(limits))
        except BadCheckpoint as error:
            raise ConfigError(f"{file}: {error.message}", error.advice) from error
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"{file} is not valid {kind}: {reason_of(error)}.") from error
    if not isinstance(table, dict):
        raise ConfigError(f"{file} holds no settings.")
    return table


def apply_overrides(data: dict[str, Any], overrides: typing.Sequence[str]) -> dict[str, Any]:
    """`optim.lr=1e-4` style changes. The value is read as TOML, else taken as a string."""
    data = copy.deepcopy(data)
    for text in overrides:
        key, sign, value = text.partition("=")
        if not sign or not key.strip():
            raise ConfigError(f"'{text}' is not of the form key.path=value.")
        *parents, last = key.strip().split(".")
        table = data
        for name in parents:
            table = table.setdefault(name, {})
            if not isinstance(table, dict):
                raise ConfigError(f"'{key}': '{name}' is a value, not a table.")
        table[last] = _literal(value.strip())
    return data


def dumps(data: dict[str, Any]) -> str:
    """TOML text of plain data: scalars first, then tables."""
    lines: list[str] = []
    _write_table(data, (), lines)
    return "\n".join(lines).strip() + "\n"


def _literal(value: str) -> Any:
    try:
        return tomllib.loads(f"x = {value}")["x"]
    except tomllib.TOMLDecodeError:
        return value


def _convert(hint: Any, value: object, path: str) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return value
    if origin in (typing.Union, types.UnionType):
        return _convert_union(args, value, path)
    if origin is typing.Literal:
        if value not in args:
            known = [str(a) for a in args]
            raise ConfigError(
                f"'{path}' is {describe(value)}; it must be one of {', '.join(known)}.",
                near_misses(value[:100] if isinstance(value, str) else "", known),
            )
        return value
    if dataclasses.is_dataclass(hint):
        return value if isinstance(value, hint) else from_dict(hint, value, path)  # type: ignore[arg-type]
    if origin in (tuple, list):
        return _convert_sequence(origin, args, value, path)
    if origin is dict or hint is dict:
        return _convert_table(args[1] if args else Any, value, path)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return _float(value, path)
    if hint is Path and isinstance(value, str):
        return Path(value)
    if isinstance(value, hint) and not (hint in (int, float) and isinstance(value, bool)):
        return value
    raise ConfigError(f"'{path}' is {describe(value)}; it must be of type {hint.__name__}.")


def _float(value: int, path: str) -> float:
    if abs(value) >= 1 << 64:
        raise ConfigError(f"'{path}' is {describe(value)}.")
    return float(value)


def _convert_table(hint: object, value: object, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"'{path}' is {describe(value)}; it must be a table.")
    return {k: _convert(hint, v, f"{path}.{k}") for k, v in value.items()}


def _convert_union(args: tuple[Any, ...], value: object, path: str) -> Any:
    if value is None and type(None) in args:
        return None
    failure: ConfigError | None = None
    for option in args:
        if option is not type(None):
            try:
                return _convert(option, value, path)
            except ConfigError as error:
                failure = failure or error
    raise failure or ConfigError(f"'{path}' cannot be {describe(value)}.")


def _convert_sequence(origin: type, args: tuple[Any, ...], value: object, path: str) -> Any:
    if not isinstance(value, (list, tuple)):
        raise ConfigError(f"'{path}' is {describe(value)}; it must be a list.")
    if origin is tuple and args and args[-1] is not Ellipsis:
        if len(args) != len(value):
            raise ConfigError(f"'{path}' must have {len(args)} entries, it has {len(value)}.")
        return tuple(
            _convert(a, v, f"{path}[{i}]") for i, (a, v) in enumerate(zip(args, value, strict=True))
        )
    item = args[0] if args else Any
    return origin(_convert(item, v, f"{path}[{i}]") for i, v in enumerate(value))


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return to_dict(value)
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return str(value) if isinstance(value, Path) else value


def _write_table(data: dict[str, Any], path: tuple[str, ...], lines: list[str]) -> None:
    tables = {k: v for k, v in data.items() if isinstance(v, dict)}
    if path and (len(tables) < len(data) or not data):
        lines += ["", f"[{'.'.join(_key(p) for p in path)}]"]
    lines += [f"{_key(k)} = {_value(v)}" for k, v in data.items() if k not in tables]
    for key, table in tables.items():
        _write_table(table, (*path, key), lines)


def _key(key: str) -> str:
    bare = key and all(c.isascii() and (c.isalnum() or c in "-_") for c in key)
    return key if bare else json.dumps(key, ensure_ascii=False)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_value(v) for v in value)}]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)
