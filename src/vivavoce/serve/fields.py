"""JSON from strangers: parsed strictly, fields read by type. Wrong types are never converted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from vivavoce.errors import near_misses, printable
from vivavoce.serve.errors import invalid

DEEPEST = 32


def parse_object(data: bytes | str) -> dict[str, Any]:
    """One JSON object. Raises ApiError 400 `invalid_json`."""
    try:
        text = data if isinstance(data, str) else data.decode("utf-8-sig")
        value = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise invalid("invalid_json", "The body is not valid JSON.") from None
    if not isinstance(value, dict):
        raise invalid("invalid_json", "The body is not a JSON object.")
    if _depth(value) > DEEPEST:
        raise invalid("invalid_json", f"The JSON is nested deeper than {DEEPEST}.")
    return value


def whole_number(text: str) -> int:
    """The number that ASCII digits spell, -1 for anything else and for more than nine of them."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1


def quoted(name: str) -> str:
    """A string of a client that can stand in an answer: short, and without broken characters."""
    return printable(name[:80])


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _depth(value: object) -> int:
    level, here = 0, [value]
    while here and level <= DEEPEST:
        level += 1
        inner = [v for v in here if isinstance(v, (dict, list))]
        here = [x for v in inner for x in (v.values() if isinstance(v, dict) else v)]
    return level


class Fields:
    """The fields of an object. `null` means absent. Every reader raises ApiError 400."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = {key: value for key, value in values.items() if value is not None}

    def unknown(self, known: Sequence[str]) -> list[str]:
        """Fields that nobody reads."""
        return [name for name in self._values if name not in known]

    def has(self, name: str) -> bool:
        return name in self._values

    def raw(self, name: str) -> Any:
        return self._values.get(name)

    def required(self, name: str) -> None:
        if name not in self._values:
            raise invalid("missing_required_parameter", f"'{name}' is required.", name)

    def text(self, name: str, default: str = "", longest: int = 0) -> str:
        value = self._values.get(name, default)
        if not isinstance(value, str):
            raise self._type(name, "a string")
        if longest and len(value) > longest:
            message = f"'{name}' has {len(value):,} characters; at most {longest:,} are allowed."
            raise invalid("string_above_max_length", message, name)
        return value

    def choice(self, name: str, known: Sequence[str], default: str) -> str:
        value = self.text(name, default)
        if value not in known:
            message = f"'{name}' is {value[:40]!r}. {near_misses(value[:40], known)}"
            raise invalid("invalid_value", message.strip(), name)
        return value

    def number(self, name: str, low: float, high: float, default: float) -> float:
        value = self._values.get(name, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self._type(name, "a number")
        if not low <= value <= high:
            message = f"'{name}' is out of range; it must be from {low:g} to {high:g}."
            raise invalid("invalid_value", message, name)
        return float(value)

    def integer(self, name: str, low: int, high: int, default: int) -> int:
        value = self._values.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._type(name, "an integer")
        if not low <= value <= high:
            message = f"'{name}' is out of range; it must be from {low} to {high}."
            raise invalid("invalid_value", message, name)
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        value = self._values.get(name, default)
        if not isinstance(value, bool):
            raise self._type(name, "true or false")
        return value

    def table(self, name: str) -> dict[str, Any]:
        value = self._values.get(name, {})
        if not isinstance(value, dict):
            raise self._type(name, "an object")
        return value

    def _type(self, name: str, wanted: str) -> Exception:
        return invalid("invalid_type", f"'{name}' must be {wanted}.", name)
