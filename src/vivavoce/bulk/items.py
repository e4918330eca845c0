"""A list of texts in JSONL, CSV or TSV -> items, and what is wrong with the other lines."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vivavoce import tables
from vivavoce.bulk.work import BulkItem, Wrong
from vivavoce.config import from_dict
from vivavoce.errors import ConfigError, UsageError, VivavoceError, near_misses
from vivavoce.limits import DEFAULT, Budget

KINDS = ("jsonl", "ndjson", "csv", "tsv")
LONGEST_LINE = 1 << 20
LONGEST_NAME = 200
_TAME = re.compile(r"[^A-Za-z0-9._-]")
_NUMBERS = {"speed": float, "seed": int}


@dataclass(frozen=True)
class _BulkLine:
    """A line as it is written: `file` is a text file in place of `text`."""

    id: str = ""
    text: str = ""
    file: str = ""
    voice: str = ""
    ref: str = ""
    transcript: str = ""
    language: str = ""
    speed: float = 1.0
    seed: int | None = None
    options: dict[str, Any] = field(default_factory=dict)
    out: str = ""


def read(path: str | Path) -> Iterator[BulkItem | Wrong]:
    """Every line, in order and lazily, as an item or as what is wrong with it.

    Files that a line names count from the list's folder. Raises UsageError where there is no such
    list, or its kind is not known.
    """
    path = Path(path)
    kind = path.suffix.lower().removeprefix(".")
    if kind not in KINDS:
        raise UsageError(f"{path} is not a .jsonl, .csv or .tsv file.", near_misses(kind, KINDS))
    if not path.is_file():
        raise UsageError(f"There is no file {path}.", "Check the path.")
    seen: dict[tuple[str, str], int] = {}
    for number, table in (_jsonl if "json" in kind else _csv)(path):
        name = f"{number:06}"
        try:
            if isinstance(table, VivavoceError):
                raise table
            given = table.get("id", "")
            name = name if given in (None, "") else str(given)
            item = _item(table | {"id": name}, path.parent)
            for what, one, same in (
                ("id", item.id, item.id),
                ("output file", item.out, item.out.casefold()),
            ):
                first = seen.setdefault((what, same), number)
                if first != number:
                    raise UsageError(f"The {what} '{one}' is also that of line {first}.")
        except VivavoceError as error:
            yield Wrong(name[:200], number, type(error).__name__, str(error))
        else:
            yield item


def file_name(identifier: str) -> str:
    """An id as the name of a file, for every system; what is not tame is percent-encoded."""
    name = _TAME.sub(lambda c: "".join(f"%{b:02X}" for b in c[0].encode()), identifier)
    return name.replace(".", "%2E") if set(name) == {"."} else name


def _item(table: Mapping[str, Any], folder: Path) -> BulkItem:
    try:
        row = from_dict(_BulkLine, dict(table))
    except ConfigError as error:
        raise UsageError(error.message.replace(" in _BulkLine", ""), error.advice) from error
    if bool(row.text) == bool(row.file):
        raise UsageError("It has no text." if not row.text else "It has both text and file.")
    if row.speed <= 0:
        raise UsageError(f"The field speed is {row.speed:g}.", "Give a number above 0.")
    text = row.text or _text(folder / row.file)
    voice = str(folder / row.voice) if "." in row.voice else row.voice
    voice = voice if Path(voice).is_file() else row.voice
    ref = str(folder / row.ref) if row.ref else ""
    out = _inside(row.out) if row.out else file_name(row.id)
    if not 0 < len(out.rpartition("/")[2]) <= LONGEST_NAME:
        raise UsageError(f"The file name has {len(out)} characters.", f"At most {LONGEST_NAME}.")
    made = BulkItem(row.id, text, voice, ref, row.transcript, row.language, row.speed, row.seed)
    return replace(made, options=row.options, out=out)


def _inside(name: str) -> str:
    parts = name.replace("\\", "/").split("/")
    if ":" in name or "" in parts or {".", ".."} & set(parts):
        raise UsageError(f"The field out is '{name}', which is outside the output folder.")
    return "/".join(file_name(part) for part in parts)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > LONGEST_LINE:
            raise UsageError(f"{path} is larger than {LONGEST_LINE >> 20} MB.")
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"Cannot read {path}: {error}.", "Give a text file in UTF-8.") from error


def _jsonl(path: Path) -> Iterator[tuple[int, dict[str, Any] | VivavoceError]]:
    with path.open("rb") as stream:
        number = 0
        while line := stream.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                while line and not line.endswith(b"\n"):
                    line = stream.readline(LONGEST_LINE)
                yield number, UsageError(f"The line is longer than {LONGEST_LINE >> 20} MB.")
            elif line.strip():
                yield number, _table(line)


def _table(line: bytes) -> dict[str, Any] | VivavoceError:
    try:
        table = tables.parse_json(line.decode("utf-8-sig"), Budget(DEFAULT))
    except (ValueError, RecursionError) as error:
        return UsageError(f"The line is not JSON ({error}).")
    except VivavoceError as error:
        return error
    return table if isinstance(table, dict) else UsageError("The line is not a JSON object.")


def _csv(path: Path) -> Iterator[tuple[int, dict[str, Any] | VivavoceError]]:
    """The first line names the columns. Empty cells are as if they were not there."""
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
        rows = csv.DictReader(stream, delimiter=delimiter, strict=True)
        try:
            columns = rows.fieldnames or ()
        except csv.Error as error:
            raise UsageError(f"The first line of {path} is not CSV ({error}).") from error
        if not {"text", "file"} & set(columns):
            raise UsageError(f"{path} has no column 'text'.", "Name the columns in its first line.")
        while True:
            try:
                row = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                yield rows.line_num, UsageError(f"The line is not CSV ({error}).")
                continue
            yield rows.line_num, _cells(row)


def _cells(row: Mapping[str | None, Any]) -> dict[str, Any] | VivavoceError:
    if None in row:
        return UsageError("The line has more cells than the first line.")
    found: dict[str, Any] = {str(k): v for k, v in row.items() if v}
    try:
        for name, kind in _NUMBERS.items():
            if name in found:
                found[name] = kind(found[name])
        if "options" in found:
            found["options"] = json.loads(found["options"])
        "".join(v for v in found.values() if isinstance(v, str)).encode()
    except (ValueError, RecursionError) as error:
        return UsageError(f"A cell cannot be read ({error}).")
    return found
