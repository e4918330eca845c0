"""Manifests -> rows of what was said in which file.

A broken row is reported with its file and line, up to ten of them in one error.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from vivavoce.audio.formats import RECORDING_FOLDERS, is_recording
from vivavoce.errors import TrainingError
from vivavoce.train import prosody
from vivavoce.train.prosody import Prosody
from vivavoce.train.recipe import DataSource

Columns = list[str] | dict[Any, Any]
Record = str | Columns
"""A row as its format gives it: a JSON text, columns by number, or columns by name."""

PREPARED = "prepared.json"
"""The file that tells a folder of `vivavoce data prepare` from any other."""


@dataclass(frozen=True)
class ManifestRow:
    """An utterance as its manifest states it. `where` is `file:line`, for messages."""

    id: str
    audio: Path
    text: str
    speaker: str
    where: str
    prosody: Prosody | None = None
    features: Path | None = None
    periodic: Path | None = None
    language: str = ""
    held_out: bool = False
    """The manifest says that it is for validation."""


class BrokenRow(ValueError):
    """One row cannot be used; collected, then reported together."""


def read(sources: Sequence[DataSource]) -> list[ManifestRow]:
    """All rows of all sources, in order. Raises TrainingError naming every broken row's line."""
    rows: list[ManifestRow] = []
    problems: list[str] = []
    seen: dict[str, str] = {}
    for source in map(_prepared, sources):
        folder_index = _AudioFolder(source)
        for where, record in _records(source):
            try:
                row = _row(source, record, where, folder_index)
            except BrokenRow as problem:
                problems.append(f"{where}: {problem}")
                continue
            if row is None:
                continue
            if row.id in seen:
                problems.append(f"{where}: the id '{row.id}' is already at {seen[row.id]}")
            seen[row.id] = where
            rows.append(row)
    report(problems)
    if not rows:
        raise TrainingError("The data sources hold no utterance.", "Check include and exclude.")
    return rows


def report(problems: Sequence[str]) -> None:
    """Raises TrainingError listing the first ten problems, if there are any."""
    if problems:
        shown = "\n  ".join(problems[:10])
        more = f"\n  and {len(problems) - 10} more" if len(problems) > 10 else ""
        raise TrainingError(
            f"The data has unusable rows:\n  {shown}{more}\n",
            "Correct them, or leave them out with `exclude`.",
        )


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Whether an id is one of `patterns`: ids, globs, or `FIRST..LAST` prefixes (inclusive)."""
    for pattern in patterns:
        first, dots, last = pattern.partition("..")
        if dots:
            if first <= name[: len(first)] and name[: len(last)] <= last:
                return True
        elif fnmatchcase(name, pattern):
            return True
    return False


def is_prepared(source: DataSource) -> bool:
    """Whether `vivavoce data prepare` wrote the folder."""
    return (source.path / PREPARED).is_file()


def _prepared(source: DataSource) -> DataSource:
    """A prepared folder as the manifest in it."""
    if not is_prepared(source):
        return source
    if not (source.path / "manifest.jsonl").is_file():
        raise TrainingError(
            f"{source.path} is not completely prepared.", "Run `vivavoce data prepare` again."
        )
    column = source.speaker_column or (None if source.speaker else "speaker")
    path = source.path / "manifest.jsonl"
    return replace(source, path=path, format="jsonl", speaker_column=column)


def manifest_file(source: DataSource) -> Path:
    """The manifest itself: an LJSpeech-style source may name the folder."""
    return source.path / "metadata.csv" if source.path.is_dir() else source.path


def _records(source: DataSource) -> Iterator[tuple[str, Record]]:
    file = manifest_file(source)
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            if source.format == "jsonl":
                for number, line in enumerate(stream, 1):
                    if line.strip():
                        yield f"{file}:{number}", line
            elif source.format == "ljspeech":
                for number, line in enumerate(stream, 1):
                    if line.strip():
                        yield f"{file}:{number}", line.rstrip("\r\n").split(source.delimiter or "|")
            else:
                reader = csv.DictReader(stream, delimiter=source.delimiter or ",")
                for record in reader:
                    yield f"{file}:{reader.line_num}", record
    except OSError as error:
        raise TrainingError(
            f"Cannot read the manifest {file}: {error.strerror}.", "Check data.sources.path."
        ) from error
    except UnicodeDecodeError as error:
        raise TrainingError(f"{file} is not UTF-8: {error}.", "Convert it to UTF-8.") from error


def _row(source: DataSource, record: Record, where: str, audio: _AudioFolder) -> ManifestRow | None:
    columns = _columns(record)
    if _unspoken(columns):
        return None
    lj = isinstance(columns, list)
    spoken = "file" if "file" in columns and "audio" not in columns else "audio"
    name = _value(columns, source.audio_column, 0 if lj else spoken)
    row_id = Path(name).stem if lj or "id" not in columns else str(columns["id"])
    if source.include and not matches(row_id, source.include):
        return None
    if matches(row_id, source.exclude):
        return None
    text = _value(columns, source.text_column, 1 if lj else "text")
    speaker = source.speaker
    if source.speaker_column is not None:
        speaker = _value(columns, source.speaker_column, "speaker")
    language = source.language
    if source.language_column is not None:
        language = _value(columns, source.language_column, "language")
    folder = manifest_file(source).parent
    return ManifestRow(
        row_id,
        audio.find(name),
        text,
        speaker,
        where,
        _prosody(columns),
        _beside(columns, "features", folder),
        _beside(columns, "periodic", folder),
        language,
        held_out=isinstance(columns, dict) and columns.get("split") == "validation",
    )


def _unspoken(record: Columns) -> bool:
    """A line in the manifest of `vivavoce bulk` that failed; its recordings are in `file`."""
    return isinstance(record, dict) and {"kind", "reason"} <= record.keys() - {"audio", "file"}


def _beside(record: Columns, column: str, folder: Path) -> Path | None:
    """A file that comes with the recording: features of a model, or its periodic part."""
    if not isinstance(record, dict) or column not in record:
        return None
    path = folder / str(record[column])
    if not path.is_file():
        raise BrokenRow(f"'{column}': no file at {path}")
    return path


def _prosody(record: Columns) -> Prosody | None:
    try:
        return prosody.read(record) if isinstance(record, dict) else None
    except ValueError as problem:
        raise BrokenRow(str(problem)) from problem


def _columns(record: Record) -> Columns:
    if not isinstance(record, str):
        return record
    try:
        columns: object = json.loads(record)
    except ValueError as error:
        raise BrokenRow(f"not valid JSON ({error})") from error
    if not isinstance(columns, dict):
        raise BrokenRow("not a JSON object")
    return columns


def _value(record: Columns, column: int | str | None, default: int | str) -> str:
    key = default if column is None else column
    if isinstance(record, list):
        if not isinstance(key, int):
            raise BrokenRow(f"this format has no names for columns, '{key}' must be a number")
        if not -len(record) <= key < len(record):
            raise BrokenRow(f"it has {len(record)} columns, column {key} is missing")
        value = record[key]
    else:
        value = record.get(key)
    if value is None or not str(value).strip():
        raise BrokenRow(f"'{key}' is missing or empty")
    return str(value).strip()


class _AudioFolder:
    """Finds a recording by its path, or by its name without suffix.

    In `audio`, where the source says so; else beside the manifest, or in one of the folders there
    that recordings usually lie in.
    """

    def __init__(self, source: DataSource) -> None:
        base = manifest_file(source).parent
        self.base = base if source.audio is None else base / source.audio
        inner = () if source.audio is not None else RECORDING_FOLDERS
        self.folders = [self.base, *(base / name for name in inner if (base / name).is_dir())]
        self._stems: dict[str, Path] | None = None

    def find(self, name: str) -> Path:
        if is_recording(Path(name)):
            for folder in self.folders:
                if (folder / name).is_file():
                    return folder / name
        elif (path := self._by_stem(name)) is not None:
            return path
        names = ", ".join(folder.name for folder in self.folders[1:])
        where = f"{self.base}{f' or its folders {names}' if names else ''}"
        raise BrokenRow(f"no recording named {name} in {where}")

    def _by_stem(self, name: str) -> Path | None:
        if self._stems is None:
            self._stems = {}
            for folder in self.folders:
                files = sorted(folder.iterdir()) if folder.is_dir() else ()
                for path in filter(is_recording, files):
                    self._stems.setdefault(path.stem, path)
        return self._stems.get(name)
