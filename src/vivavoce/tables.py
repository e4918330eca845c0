"""Plain data from JSON, TOML and YAML text that nobody vouches for, within limits."""

from __future__ import annotations

import datetime
import json
import re
import tomllib
from typing import Any

from vivavoce.errors import BadCheckpoint
from vivavoce.limits import Budget, too_much

_COMMENTS = re.compile(r"(?m)^\s*//.*$|\s//\s.*$")
_LONG_KEY = re.compile(r"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){100}""")
_LONGEST_NUMBER = 64


def parse_json(text: str, budget: Budget) -> Any:
    """The value of a JSON text. Raises BadCheckpoint, ValueError, RecursionError."""
    _count(text, budget, ",[{")
    return check(json.loads(text, parse_int=_integer), budget)


def parse_json_with_comments(text: str, budget: Budget) -> Any:
    """As `parse_json`; where that fails, without the `// comments` of Coqui's configurations."""
    try:
        return parse_json(text, budget)
    except ValueError:
        return parse_json(_COMMENTS.sub("", text), budget)


def parse_toml(text: str, budget: Budget) -> dict[str, Any]:
    """The table of a TOML text. Raises as `parse_json`."""
    budget.spend(0, 7 * len(text))  # the parser is slow
    _count(text, budget, "\n,[{.")
    if _LONG_KEY.search(text):
        raise BadCheckpoint("It has a dotted key of more than 100 parts.")
    return check(tomllib.loads(text), budget)


def parse_yaml(text: str, budget: Budget) -> Any:
    """The value of a YAML text. Aliases and merge keys count each time they are used.

    Raises as `parse_json`, and yaml.YAMLError.
    """
    from vivavoce.yaml_loader import load

    budget.spend(0, 31 * len(text))  # the parser is very slow
    return check(load(text, budget), budget)


def check(value: object, budget: Budget) -> Any:
    """The same value in plain types; a new one where keys or dates had to become text.

    Raises BadCheckpoint for what is too large or nested too deeply (shared parts count each time),
    for text that cannot be written as UTF-8, numbers of more than 64 bits and other types.
    """
    return _plain(value, budget, 0)


def _plain(value: object, budget: Budget, depth: int) -> Any:
    budget.check_depth(depth)
    budget.spend()
    if isinstance(value, str):
        return _text(value)
    if value is None or isinstance(value, (bool, float)):
        return value
    if isinstance(value, int):
        if abs(value) >= 1 << 64:
            raise BadCheckpoint("It holds a number of more than 64 bits.")
        return value
    if isinstance(value, dict):
        return {_key(k): _plain(v, budget, depth + 1) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v, budget, depth + 1) for v in value]
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    raise BadCheckpoint(f"It holds a {type(value).__name__}, which is not a plain value.")


def _text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise BadCheckpoint("It holds an unpaired surrogate, which is not valid text.") from error
    return value


def _key(key: object) -> str:
    if isinstance(key, str):
        return _text(key)
    if key is None or (isinstance(key, (int, float)) and abs(key) < 1 << 64):
        return str(key)
    raise BadCheckpoint(f"It has a {type(key).__name__} as a key.")


def _integer(digits: str) -> int:
    if len(digits) > _LONGEST_NUMBER:
        raise BadCheckpoint("It holds a number of more than 64 digits.")
    return int(digits)


def _count(text: str, budget: Budget, signs: str) -> None:
    """Refuse early what would be too many values; parsers take memory before anybody can count."""
    budget.spend(0, len(text))
    if sum(map(text.count, signs)) > budget.limits.objects:
        raise too_much(f"more than {budget.limits.objects} values")
