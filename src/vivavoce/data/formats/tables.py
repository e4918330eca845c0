"""Lists with named columns: Coqui, F5's csv, CML-TTS, Common Voice, csv, tsv and jsonl of any."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vivavoce.audio.formats import RECORDING_FOLDERS, is_recording
from vivavoce.data.folder import NotUsable, SourceFolder
from vivavoce.data.rows import Defect, Rejected, SourceRow
from vivavoce.files import lines

AUDIO = (
    *("audio", "audio_file", "audio_path", "audio_filepath", "wav_filename", "file_name"),
    *("filename", "file", "path", "wav", "clip", "recording", "id", "name"),
)
TEXT = ("text", "transcript", "transcription", "sentence", "words")
NORMALISED = ("normalized_text", "normalised_text", "text_normalized", "normalized")
SPEAKER = ("speaker", "speaker_name", "speaker_id", "client_id", "spk")
LANGUAGE = ("language", "lang", "locale")
START, END = ("start", "start_s", "begin"), ("end", "end_s")
SUFFIXES = (".csv", ".tsv", ".txt", ".jsonl", ".json", ".psv")
WIDEST = 1 << 20
HEAD = 1 << 16
"""Bytes that tell what a file is."""

Entry = SourceRow | Rejected


@dataclass(frozen=True)
class NamedList:
    """A list whose columns have names. `records` are rows with their line numbers."""

    path: Path
    columns: tuple[str, ...]
    delimiter: str
    records: tuple[tuple[int, Mapping[str, str]], ...]

    def column(self, names: Sequence[str]) -> str | None:
        return next((name for name in names if name in self.columns), None)


def open_list(folder: SourceFolder, path: Path, whole: bool = True) -> NamedList | None:
    """A list with a column of recordings and one of texts; None for any other file.

    Only its first rows where it is not wanted `whole`.
    """
    if path.suffix.lower() not in SUFFIXES:
        return None
    text = folder.text(path, 0 if whole else HEAD)
    found = (
        _objects(path, text) if path.suffix.lower() in (".jsonl", ".json") else _cells(path, text)
    )
    if found and found.column(AUDIO) and found.column((*TEXT, *NORMALISED)):
        return found
    return None


def rows_of(folder: SourceFolder, found: NamedList) -> Iterator[Entry]:
    """Rows of a list, and those that cannot be used."""
    audio = found.column(AUDIO) or ""
    texts = [name for name in (*NORMALISED, *TEXT) if name in found.columns]
    speaker, language = found.column(SPEAKER), found.column(LANGUAGE)
    start, end = found.column(START), found.column(END)
    for line, record in found.records:
        where = f"{folder.name(found.path)}:{line}"
        name = record.get(audio, "").strip()
        text = next((record[t].strip() for t in texts if record.get(t, "").strip()), "")
        if not name:
            problem = Defect("broken row", f"'{audio}' is empty.", "Name the recording in the row.")
            yield Rejected(where, problem, where, text)
            continue
        try:
            yield SourceRow(
                folder.find(name, found.path.parent, RECORDING_FOLDERS),
                where,
                text,
                record.get(speaker or "", "").strip(),
                record.get(language or "", "").strip(),
                _seconds(record.get(start or "", "")) or 0.0,
                _seconds(record.get(end or "", "")),
            )
        except NotUsable as refused:
            yield Rejected(name[:200], refused.problem, where, text)


def _seconds(value: str) -> float | None:
    if not value.strip():
        return None
    try:
        seconds = float(value.replace(",", "."))
    except ValueError:
        seconds = -1.0
    if not 0.0 <= seconds < 1e7:
        message = f"'{value[:40]}' is no time in seconds."
        raise NotUsable(Defect("broken row", message, "Give seconds, as 12.5."))
    return seconds


def _cells(path: Path, text: str) -> NamedList | None:
    head = text.lstrip("\n").partition("\n")[0]
    delimiter = max("|\t,;", key=head.count)
    if not head.count(delimiter):
        return None
    columns = tuple(c.strip().strip('"').lower() for c in head.split(delimiter))
    if len(set(columns)) != len(columns) or any(is_recording(Path(c)) for c in columns):
        return None
    quoting = csv.QUOTE_MINIMAL if delimiter in ",;" else csv.QUOTE_NONE
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting)
    before = csv.field_size_limit(WIDEST)
    try:
        records = [
            (reader.line_num, dict(zip(columns, cells, strict=False)))
            for cells in reader
            if reader.line_num > 1 and any(cells)
        ]
    except csv.Error:
        return None
    finally:
        csv.field_size_limit(before)
    return NamedList(path, columns, delimiter, tuple(records))


def _objects(path: Path, text: str) -> NamedList | None:
    records: list[tuple[int, Mapping[str, str]]] = []
    columns: dict[str, None] = {}
    for number, line in enumerate(lines(text), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            if not records:
                return None
            row = {}
        plain = {str(k).lower(): str(v) for k, v in row.items() if isinstance(v, str | int | float)}
        columns |= dict.fromkeys(plain)
        records.append((number, plain))
    return NamedList(path, tuple(columns), "json", tuple(records)) if records else None
