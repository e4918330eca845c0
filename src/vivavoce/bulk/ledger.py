"""What is done of a list, kept so that nothing is done twice: results and errors, row by row.

A row is written after its file has its name. A row that is cut off counts as none.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vivavoce import files
from vivavoce.bulk.places import Place, digest
from vivavoce.bulk.work import BulkRow, Wrong
from vivavoce.errors import OutputError, UsageError


@dataclass(frozen=True)
class Known:
    """A row of an earlier run: `key` is what was asked for."""

    key: str
    table: Mapping[str, Any]

    @property
    def failed(self) -> bool:
        return bool(self.table.get("kind"))


class Ledger:
    """`results{suffix}.jsonl` and `errors{suffix}.jsonl` in a folder, for one process at a time.

    As a context manager. Raises UsageError where another process works on it, OutputError.
    """

    def __init__(self, folder: Path, suffix: str = "") -> None:
        self.folder = folder
        self.results, self.errors = (folder / f"{n}{suffix}.jsonl" for n in ("results", "errors"))
        self._lock = folder / f".lock{suffix}"
        self._stack = contextlib.ExitStack()
        self._open: dict[Path, Any] = {}

    def __enter__(self) -> Ledger:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._stack.enter_context(files.lock(self._lock, wait=False))
        except BlockingIOError as error:
            raise UsageError(
                f"Another process works in {self.folder}.", "Wait until it has ended."
            ) from error
        except OSError as error:
            raise OutputError(f"Cannot write {self.folder}: {error.strerror}.") from error
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()
        self._open.clear()

    def known(self) -> dict[str, Known]:
        """By id, the last row of each."""
        found = {}
        for path in (self.results, self.errors):
            for table in rows(path):
                if isinstance(table.get("id"), str) and "line" not in table:  # not a wrong line
                    found[table["id"]] = Known(str(table.get("key", "")), table)
        return found

    def begin(self, kept: Mapping[str, Known], wrong: list[Wrong]) -> None:
        """What holds of earlier runs, and what is wrong with lines: each once."""
        done = [_line(each.table) for each in kept.values() if not each.failed]
        failed = [_line(each.table) for each in kept.values() if each.failed]
        files.write_text(self.results, "".join(done))
        files.write_text(self.errors, "".join([*failed, *(_line(asdict(w)) for w in wrong)]))

    def add(self, row: BulkRow, key: str) -> None:
        """Raises OutputError."""
        table = {k: v for k, v in asdict(row).items() if v or k in ("id", "seconds")}
        path = self.errors if row.failed else self.results
        try:
            if path not in self._open:
                self._open[path] = self._stack.enter_context(path.open("a", encoding="utf-8"))
            self._open[path].write(_line(table | {"key": key}))
            self._open[path].flush()
        except OSError as error:
            raise OutputError(f"Cannot write {path}: {error.strerror}.", files.ADVICE) from error


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """The whole rows of a file of JSON lines."""
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace") as stream:
        for line in stream:
            with contextlib.suppress(ValueError, RecursionError):
                table = json.loads(line) if line.endswith("\n") else None
                if isinstance(table, dict):
                    yield table


def stands(known: Known, key: str, place: Place, verify: bool) -> bool:
    """Whether the file of an earlier run is there and is what is asked for."""
    name = str(known.table.get("file", ""))
    if known.key != key or known.failed or place.size(name) != known.table.get("size"):
        return False
    return not verify or digest(place.read(name) or b"") == known.table.get("sha256")


def _line(table: Mapping[str, Any]) -> str:
    return json.dumps(table, ensure_ascii=False) + "\n"
