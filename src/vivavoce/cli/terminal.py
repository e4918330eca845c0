"""Manners of a terminal program: results on stdout, all else on stderr, bars only where seen."""

from __future__ import annotations

import io
import json
import re
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from vivavoce import files
from vivavoce.errors import printable

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

T = TypeVar("T")
Unit = Literal["characters", "bytes", "steps", "utterances"]

_BARE = re.compile(r"[\x7f-\x9f\u202a-\u202e\ud800-\udfff]")
MANY = 30  # a longer list is counted, not printed
LONG = 500  # and so is a longer text


def escape_what_stdout_cannot_write() -> None:
    """As Python does on stderr: a pipe of Windows takes the letters of one region only."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def say(message: str) -> None:
    """Something a person may want to know: never part of the result."""
    print(printable(message), file=sys.stderr, flush=True)


def emit(data: T, as_json: bool, render: Callable[[T], str]) -> None:
    """The result: as JSON, or as `render` writes it for people."""
    ascii_ = "utf" not in (sys.stdout.encoding or "utf-8").lower()  # a pipe of Windows: cp1252
    text = json.dumps(data, ensure_ascii=ascii_, indent=1, default=str) if as_json else render(data)
    if text:
        # In JSON a control can only stand inside a string, where its escape means the same.
        print(_BARE.sub(lambda c: f"\\u{ord(c[0]):04x}", text) if as_json else printable(text))


def write_report(file: Path, data: Mapping[str, Any]) -> None:
    """What a person may send to somebody: JSON in a file. Raises OutputError."""
    files.write_text(file, json.dumps(data, ensure_ascii=False, indent=1, default=str) + "\n")


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Rows as aligned columns under their names; what is missing stays empty."""
    lines = [list(columns), *([_cell(row.get(c)) for c in columns] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def in_columns(words: Sequence[str], indent: str = "  ") -> str:
    """Words in as many columns as the terminal has room for, read line by line."""
    width = max(len(word) for word in words) + 2
    many = max(1, (shutil.get_terminal_size().columns - len(indent)) // width)
    lines = [words[start : start + many] for start in range(0, len(words), many)]
    return "\n".join(
        indent + "".join(word.ljust(width) for word in line).rstrip() for line in lines
    )


def facts(data: Mapping[str, Any], indent: str = "") -> str:
    """One fact per line, tables below their names; empty ones left out."""
    lines = []
    for key, value in data.items():
        if isinstance(value, Mapping) and value:
            lines += [f"{indent}{key}", facts(value, indent + "  ")]
        elif _cell(value):
            lines.append(f"{indent}{key:<{max(1, 23 - len(indent))}} {_cell(value)}")
    return "\n".join(lines)


def _cell(value: object) -> str:
    if value is None or value in ((), [], {}):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        if len(value) > MANY:
            return f"{len(value)} entries"
        return ", ".join(_cell(v) for v in value)
    if isinstance(value, str) and len(value) > LONG:
        return f"{len(value)} characters"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


Unit = Literal["characters", "bytes", "steps", "utterances"]


class Progress:
    """A bar on a terminal's stderr for work that takes over a second; otherwise nothing.

    Called with what is done, of how much, and a note. A context manager: the bar goes at its end.
    """

    def __init__(
        self, label: str, unit: Literal["characters", "bytes", "steps", "utterances"]
    ) -> None:
        self.label, self.unit = label, unit
        self._begin = time.monotonic()
        self._bar: RichProgress | None = None

    def __call__(self, done: int, total: int | None, note: str = "") -> None:
        if self._bar is None:
            if not sys.stderr.isatty() or time.monotonic() - self._begin < 1:
                return
            self._bar = _bar(self.label, self.unit)
        self._bar.update(self._bar.task_ids[0], completed=done, total=total, note=printable(note))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _bar(label: str, unit: str) -> RichProgress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    counted = (DownloadColumn(),) if unit == "bytes" else (MofNCompleteColumn(), TextColumn(unit))
    columns = (TextColumn(label), BarColumn(), *counted, TimeRemainingColumn())
    bar = Progress(
        *columns,
        TextColumn("{task.fields[note]}", markup=False),
        console=Console(stderr=True),
        transient=True,
    )
    bar.add_task(label, total=None, note="")
    bar.start()
    return bar
