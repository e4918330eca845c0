"""Texts beside a checkpoint: configurations in JSON, TOML or YAML, and vocabularies."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Any

from vivavoce import tables
from vivavoce.errors import BadCheckpoint
from vivavoce.limits import DEFAULT, Budget, Limits, guard, read_bytes, reason_of

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_PARSERS = {
    ".json": ("JSON", tables.parse_json_with_comments),
    ".toml": ("TOML", tables.parse_toml),
    ".yaml": ("YAML", tables.parse_yaml),
    ".yml": ("YAML", tables.parse_yaml),
}


def read_text(path: Path, limits: Limits = DEFAULT) -> str:
    """The file's text, line ends as they are: UTF-8, or UTF-16 that begins with its mark.

    Raises BadCheckpoint.
    """
    with guard(path):
        content = read_bytes(path, limits)
        try:
            return content.decode("utf-16" if content.startswith(_UTF_16) else "utf-8-sig")
        except UnicodeDecodeError as error:
            raise BadCheckpoint(f"{path} is not UTF-8 text ({error}).") from error


def read_table(path: Path, limits: Limits = DEFAULT) -> dict[str, Any]:
    """A configuration as plain data: JSON (comments allowed, as in Coqui's), TOML or YAML.

    Keys are text, dates become text. Raises BadCheckpoint.
    """
    kind, parse = _PARSERS.get(path.suffix, _PARSERS[".json"])
    text = read_text(path, limits)
    advice = "Download the file again, or correct it."
    with guard(path, advice=advice):
        try:
            table = parse(text, Budget(limits))
        except BadCheckpoint:
            raise
        except Exception as error:
            reason = reason_of(error)
            raise BadCheckpoint(f"{path} is not valid {kind} ({reason}).", advice) from error
    if not isinstance(table, dict):
        raise BadCheckpoint(f"{path} holds no settings.")
    return table
