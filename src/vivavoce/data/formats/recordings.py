"""Recordings without a list: their words in a file of the same name, or nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from vivavoce.data.folder import SourceFolder
from vivavoce.data.formats.subtitles import cues, sentences
from vivavoce.data.formats.tables import Entry
from vivavoce.data.rows import Defect, Rejected, SourceRow

WORDS = (".txt", ".lab", ".normalized.txt")
TIMED = (".srt", ".vtt")


def beside(path: Path) -> Path | None:
    """NAME.srt, NAME.vtt, NAME.normalized.txt, NAME.txt or NAME.lab beside NAME.wav."""
    for suffix in (*TIMED, ".normalized.txt", ".txt", ".lab"):
        for stem in (path.stem, path.name):
            found = path.with_name(stem + suffix)
            with suppress(OSError):  # a name that is too long
                if found.is_file():
                    return found
    return None


def rows_of(
    folder: SourceFolder, path: Path, longest_s: float, given: Path | None = None
) -> Iterator[Entry]:
    """One recording with the words beside it, or in the file `given`."""
    words = given or beside(path)
    name = folder.name(path)
    if words is None:
        yield SourceRow(path, name)
        return
    text = folder.text(words)
    if words.suffix.lower() not in TIMED:
        yield SourceRow(path, folder.name(words), " ".join(text.split()))
        return
    timed = sentences(cues(text), longest_s)
    if not timed:
        problem = Defect("broken row", "The subtitles hold no cue.", "Export them again.")
        yield Rejected(name, problem, folder.name(words))
    for number, cue in enumerate(timed, 1):
        yield SourceRow(
            path, f"{folder.name(words)}#{number}", cue.text, start_s=cue.start_s, end_s=cue.end_s
        )
