"""Data sets whose folders say who speaks: VCTK, LibriTTS, LibriSpeech, MLS, M-AILABS."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from vivavoce.data.folder import NotUsable, SourceFolder
from vivavoce.data.formats import metadata
from vivavoce.data.formats.metadata import Columns
from vivavoce.data.formats.tables import Entry
from vivavoce.data.rows import Rejected, SourceRow

VCTK_SOUND = (
    ("wav48_silence_trimmed", "_mic1.flac"),
    ("wav48_silence_trimmed", "_mic2.flac"),
    ("wav48", ".wav"),
    ("wav22", ".wav"),
)


def vctk(folder: SourceFolder) -> Iterator[Entry]:
    """`txt/SPEAKER/NAME.txt`, sound in `wav48_silence_trimmed` (first microphone) or `wav48`."""
    for path in folder.files:
        parts = path.relative_to(folder.root).parts
        if len(parts) != 3 or parts[0] != "txt" or path.suffix != ".txt":
            continue
        text, where = " ".join(folder.text(path).split()), folder.name(path)
        names = [f"{top}/{parts[1]}/{path.stem}{suffix}" for top, suffix in VCTK_SOUND]
        name = next((n for n in names if (folder.root / n).is_file()), names[0])
        try:
            yield SourceRow(folder.find(name), where, text, speaker=parts[1])
        except NotUsable as refused:
            yield Rejected(name, refused.problem, where, text)


def libritts(folder: SourceFolder) -> Iterator[Entry]:
    """`*trans.tsv` (id, original, normalised), else NAME.normalized.txt beside each recording."""
    lists = [path for path in folder.files if path.name.endswith("trans.tsv")]
    for path in lists:
        for entry in metadata.rows_of(folder, path, Columns("\t", 0, 2)):
            yield _named_by_id(entry)
    if lists:
        return
    for path in folder.recordings:
        words = path.with_name(f"{path.stem}.normalized.txt")
        text = " ".join(folder.text(words).split()) if words.is_file() else ""
        yield _named_by_id(SourceRow(path, folder.name(words), text))


def librispeech(folder: SourceFolder) -> Iterator[Entry]:
    """`SPEAKER-CHAPTER.trans.txt`: an id, a blank, and the words."""
    for path in folder.files:
        if path.name.endswith(".trans.txt"):
            for entry in metadata.rows_of(folder, path, Columns(None, 0, 1)):
                yield _named_by_id(entry)


def mls(folder: SourceFolder) -> Iterator[Entry]:
    """`transcripts.txt`: SPEAKER_BOOK_NUMBER, a tab, and the words."""
    for path in folder.files:
        if path.name == "transcripts.txt":
            for entry in metadata.rows_of(folder, path, Columns("\t", 0, 1)):
                yield _named_by_id(entry)


def mailabs(folder: SourceFolder) -> Iterator[Entry]:
    """`by_book/SEX/SPEAKER/BOOK/metadata.csv`: name, text, normalised text."""
    for path in folder.files:
        if path.name != "metadata.csv":
            continue
        parts = path.relative_to(folder.root).parts
        at = parts.index("by_book") if "by_book" in parts else -1
        speaker = parts[at + 2] if 0 <= at < len(parts) - 3 else ""
        columns = metadata.columns_of(folder, path) or Columns("|", 0, 1)
        yield from metadata.rows_of(folder, path, columns, speaker)


def _named_by_id(entry: Entry) -> Entry:
    """The speaker is what stands before the first `_` or `-` of the recording's name."""
    if isinstance(entry, Rejected):
        return entry
    return replace(entry, speaker=_speaker(entry.audio))


def _speaker(path: Path) -> str:
    return path.stem.replace("-", "_").partition("_")[0]
