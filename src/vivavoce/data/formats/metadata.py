"""Lists without names for their columns: LJSpeech, Piper, M-AILABS, CSS10, KSS, MLS."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vivavoce.audio.formats import RECORDING_FOLDERS
from vivavoce.data.folder import NotUsable, SourceFolder
from vivavoce.data.formats.tables import HEAD, Entry
from vivavoce.data.rows import Defect, Rejected, SourceRow
from vivavoce.files import lines

NUMBER = re.compile(r"\s*\d+([.,]\d+)?\s*")
MOST_LOOKED_AT = 200


@dataclass(frozen=True)
class Columns:
    """Which cell holds what, counted from 0. `delimiter` None splits at the first blank."""

    delimiter: str | None
    audio: int
    text: int
    speaker: int | None = None


def rows_of(
    folder: SourceFolder, path: Path, columns: Columns, speaker: str = ""
) -> Iterator[Entry]:
    """Rows of a list without header; quotes mean themselves."""
    for number, line in enumerate(lines(folder.text(path)), 1):
        if not line.strip():
            continue
        where = f"{folder.name(path)}:{number}"
        cells = _split(line, columns.delimiter)
        last = max(columns.audio, columns.text, columns.speaker or 0)
        if len(cells) <= last:
            message = f"It has {len(cells)} columns; {last + 1} are needed."
            problem = Defect("broken row", message, "Correct the row.")
            yield Rejected(where, problem, where, line[:200])
            continue
        said = speaker if columns.speaker is None else cells[columns.speaker]
        text = cells[columns.text]
        try:
            yield SourceRow(
                folder.find(cells[columns.audio], path.parent, RECORDING_FOLDERS), where, text, said
            )
        except NotUsable as refused:
            yield Rejected(cells[columns.audio][:200], refused.problem, where, text)


def columns_of(folder: SourceFolder, path: Path) -> Columns | None:
    """What `NAME|…` lists hold, by looking: a text, a speaker and a text, a text twice, seconds."""
    text = folder.text(path, HEAD)
    found = [line for line in lines(text) if line.strip()][:MOST_LOOKED_AT]
    for delimiter in ("|", "\t"):
        table = [_split(line, delimiter) for line in found]
        wide = [cells for cells in table if len(cells) > 1]
        if len(wide) > len(found) / 2:
            break
    else:
        return None
    width = sorted(len(cells) for cells in wide)[len(wide) // 2]
    full = [cells for cells in wide if len(cells) >= width]
    texts = [n for n in range(1, width) if not all(NUMBER.fullmatch(c[n]) for c in full)]
    if not texts:
        return None
    if len(texts) == 1:
        return Columns(delimiter, 0, texts[0])
    first, second = texts[:2]
    if _mean_length(full, first) < 0.5 * _mean_length(full, second):
        return Columns(delimiter, 0, second, speaker=first)
    return Columns(delimiter, 0, second)  # the second is the one with numbers written out


def _split(line: str, delimiter: str | None) -> list[str]:
    cells = line.split(None, 1) if delimiter is None else line.split(delimiter)
    return [cell.strip() for cell in cells]


def _mean_length(table: list[list[str]], column: int) -> float:
    return sum(len(cells[column]) for cells in table) / max(len(table), 1)
