"""What is done already: a file of one JSON line for each finished piece of work.

A line is written whole when its work is done; a line that a killed run left unfinished is dropped.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from vivavoce import files
from vivavoce.errors import OutputError

Value = dict[str, object] | list[object] | str | float | None


class Journal:
    """Values by key, kept in `path`; the last line of a key counts. A context manager.

    Raises OutputError where it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._values = dict(_lines(path))
        self._file = None

    def __enter__(self) -> Self:
        try:
            self._rewrite(self._values)  # without half lines
            self._file = self.path.open("a", encoding="utf-8")
        except OSError as error:
            raise OutputError(f"Cannot write {self.path}: {error.strerror}.") from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

    def get(self, key: str) -> Value:
        return self._values.get(key)

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def put(self, key: str, value: Value) -> None:
        """Keep a value from now on."""
        self._values[key] = value
        if self._file is None:
            raise OutputError(f"{self.path} is not open.")
        try:
            self._file.write(_line(key, value))
            self._file.flush()
        except OSError as error:
            raise OutputError(
                f"Cannot write {self.path}: {error.strerror}.", files.ADVICE
            ) from error

    def keep_only(self, keys: Iterable[str]) -> None:
        """Forget what later runs will not ask for."""
        wanted = set(keys)
        self._values = {k: v for k, v in sorted(self._values.items()) if k in wanted}
        self._rewrite(self._values)

    def _rewrite(self, values: dict[str, Value]) -> None:
        files.write_text(self.path, "".join(_line(k, v) for k, v in values.items()))


def _line(key: str, value: Value) -> str:
    return json.dumps([key, value], ensure_ascii=False, allow_nan=False) + "\n"


def _lines(path: Path) -> Iterable[tuple[str, Value]]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    for line in files.lines(text):
        try:
            key, value = json.loads(line)
        except (ValueError, TypeError, RecursionError):
            continue
        if isinstance(key, str):
            yield key, value
