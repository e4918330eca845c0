"""F5-TTS' own data sets: `raw.arrow`, or a folder `raw/` as the package datasets writes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vivavoce.audio.formats import RECORDING_FOLDERS
from vivavoce.data.folder import NotUsable, SourceFolder
from vivavoce.data.formats.arrow_stream import Cell, read_columns
from vivavoce.data.formats.tables import Entry
from vivavoce.data.rows import Defect, Rejected, SourceRow
from vivavoce.errors import UsageError

AUDIO, TEXT = "audio_path", "text"


def fits(folder: SourceFolder) -> bool:
    return bool(_files(folder))


def rows(folder: SourceFolder) -> Iterator[Entry]:
    """Rows `audio_path`, `text` (a string, or characters and syllables that are joined)."""
    for path in _files(folder):
        try:
            columns = read_columns(path.read_bytes(), (AUDIO, TEXT))
        except (ValueError, OSError) as error:
            raise UsageError(f"Cannot read {path}: {error}.", "Export it again.") from error
        pairs = zip(columns[AUDIO], columns[TEXT], strict=True)
        for number, (audio, said) in enumerate(pairs, 1):
            yield _row(folder, path, f"{folder.name(path)}:{number}", audio, said)


def _row(folder: SourceFolder, path: Path, where: str, audio: Cell, said: Cell) -> Entry:
    text = said if isinstance(said, str) else "".join(said or ())
    name = audio if isinstance(audio, str) else ""
    if not name:
        problem = Defect("broken row", "Its 'audio_path' is empty.", "Export the set again.")
        return Rejected(where, problem, where, text)
    try:
        return SourceRow(folder.find(name, path.parent, RECORDING_FOLDERS), where, text.strip())
    except NotUsable as refused:
        return Rejected(name[:200], refused.problem, where, text)


def _files(folder: SourceFolder) -> list[Path]:
    if folder.alone:
        return []
    whole = folder.root / "raw.arrow"
    return [whole] if whole.is_file() else sorted((folder.root / "raw").glob("*.arrow"))
