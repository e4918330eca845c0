"""The formats of data sets that are read, each told by its files.

A format names itself, says whether a folder is one, and gives its rows. The first that fits is
taken, so that special ones stand before general ones.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from vivavoce.audio.formats import is_recording
from vivavoce.data.folder import SourceFolder
from vivavoce.data.formats import arrow, metadata, recordings, subtitles, tables, trees
from vivavoce.data.formats.tables import Entry, NamedList
from vivavoce.data.rows import Defect, Rejected, SourceRow, SourceSet
from vivavoce.errors import UsageError, near_misses

__all__ = ["FORMATS", "DataFormat", "detect", "read", "subtitles"]

PLAIN = "folder"
LONGEST_S = 12.0
"""Of clips that the cues of subtitles are joined to, where nobody says otherwise."""

HEADED = ("audio_file", "text")
COMMON_VOICE = ("validated.tsv",), ("train.tsv", "dev.tsv", "test.tsv")
LISTS = (".csv", ".tsv", ".psv", ".jsonl")
NO_LIST = Defect(
    "unread list",
    "It is not a list of recordings and texts.",
    "Write lines such as NAME|TEXT, or a csv with the columns audio and text.",
)
TRANSCRIPTS = ("transcript.txt", "transcript.v.1.4.txt", "transcript.v.1.3.txt", "transcript.csv")


@dataclass(frozen=True)
class DataFormat:
    """`about` says which files it consists of. `fits` looks at a folder, `rows` reads it."""

    name: str
    about: str
    fits: Callable[[SourceFolder], bool]
    rows: Callable[[SourceFolder], Iterable[Entry]]


def detect(folder: SourceFolder) -> DataFormat:
    """The first format that fits; a plain folder of recordings fits always."""
    return next(one for one in FORMATS if one.fits(folder))


def read(
    folder: SourceFolder, longest_s: float, name: str = "", transcripts: Path | None = None
) -> SourceSet:
    """All rows of a data set. `transcripts` is a list, or the words of a recording alone.

    `name` takes a format without looking; `longest_s` bounds clips that subtitles are joined to.
    Raises UsageError (no such format, nothing to read, a list without recordings and texts).
    """
    if transcripts is not None:
        kind, entries = "transcripts", _given(folder, transcripts, longest_s)
    else:
        found = _named(name) if name else detect(folder)
        kind, entries = found.name, found.rows(folder)
        if kind == PLAIN:
            entries = _plain(folder, longest_s)
    rows, rejected = [], []
    for entry in entries:
        (rows if isinstance(entry, SourceRow) else rejected).append(entry)
    refused = [one for one in folder.refused if one.source not in {r.source for r in rejected}]
    unlisted = _unread(folder) if kind == PLAIN else _unlisted(folder, rows)
    ignored = sum(1 for path in folder.files if not _is_known(path))
    return SourceSet(kind, tuple(rows), (*rejected, *refused, *unlisted), ignored)


def _named(name: str) -> DataFormat:
    known = {one.name: one for one in FORMATS}
    if name not in known:
        raise UsageError(f"There is no data format '{name}'.", near_misses(name, known))
    return known[name]


def _given(folder: SourceFolder, path: Path, longest_s: float) -> Iterable[Entry]:
    if not path.is_file():
        raise UsageError(f"The list of transcripts {path} does not exist.", "Check the path.")
    found = tables.open_list(folder, path)
    if found is not None:
        return tables.rows_of(folder, found)
    if folder.alone and folder.recordings:
        return recordings.rows_of(folder, folder.recordings[0], longest_s, path)
    columns = metadata.columns_of(folder, path)
    if columns is None:
        raise UsageError(
            f"{path} is not a list of recordings and texts.",
            "Give lines such as NAME|TEXT, or a csv with the columns audio and text.",
        )
    return metadata.rows_of(folder, path, columns)


def _plain(folder: SourceFolder, longest_s: float) -> Iterable[Entry]:
    for path in folder.recordings:
        yield from recordings.rows_of(folder, path, longest_s)


def _unlisted(folder: SourceFolder, rows: list[SourceRow]) -> list[Rejected]:
    """Recordings that no row names; other takes of a recording that is named are not missed."""
    named = {row.audio for row in rows}
    takes = {(path.parent, path.stem.removesuffix("_mic1").removesuffix("_mic2")) for path in named}
    problem = Defect("unlisted", "No list names it.", "Add a row with its text to the list.")
    return [
        Rejected(folder.name(path), problem)
        for path in folder.recordings
        if path not in named
        and (path.parent, path.stem.removesuffix("_mic1").removesuffix("_mic2")) not in takes
    ]


def _unread(folder: SourceFolder) -> list[Rejected]:
    """Lists of which no format makes anything, so that nobody wonders where the words are."""
    lists = [path for path in folder.files if path.suffix.lower() in LISTS]
    return [Rejected(folder.name(path), NO_LIST) for path in lists]


def _is_known(path: Path) -> bool:
    known = {*tables.SUFFIXES, *recordings.TIMED, *recordings.WORDS, ".arrow"}
    return path.suffix.lower() in known or is_recording(path)


def _headed(folder: SourceFolder, whole: bool) -> list[NamedList]:
    """Lists with named columns in the folder itself, or their first rows."""
    inner = [path for path in folder.files if path.parent == folder.root and not folder.alone]
    return [found for path in inner if (found := tables.open_list(folder, path, whole))]


def _coqui(folder: SourceFolder, whole: bool) -> list[NamedList]:
    lists = [found for found in _headed(folder, whole) if set(HEADED) <= set(found.columns)]
    return [found for found in lists if found.delimiter == "|"]


def _f5(folder: SourceFolder, whole: bool) -> list[NamedList]:
    lists = [found for found in _coqui(folder, whole) if found.columns == HEADED]
    return [one for one in lists if any(_is_absolute(r["audio_file"]) for _, r in one.records)]


def _is_absolute(name: str) -> bool:
    return name.startswith("/") or name[1:3] in (":\\", ":/")


def _cml(folder: SourceFolder, whole: bool) -> list[NamedList]:
    return [
        one for one in _headed(folder, whole) if {"wav_filename", "transcript"} <= set(one.columns)
    ]


def _common_voice(folder: SourceFolder, whole: bool) -> list[NamedList]:
    lists = [one for one in _headed(folder, whole) if {"path", "sentence"} <= set(one.columns)]
    for names in COMMON_VOICE:
        if chosen := [one for one in lists if one.path.name in names]:
            return chosen
    return lists


Lists = Callable[[SourceFolder, bool], list[NamedList]]


def _from(lists: Lists) -> Callable[[SourceFolder], list[Entry]]:
    return lambda folder: [e for one in lists(folder, True) for e in tables.rows_of(folder, one)]


def _is_any(lists: Lists) -> Callable[[SourceFolder], bool]:
    return lambda folder: bool(lists(folder, False))


def _has(*patterns: str) -> Callable[[SourceFolder], bool]:
    return lambda folder: any(
        path.relative_to(folder.root).match(one) for path in folder.files for one in patterns
    )


def _metadata(folder: SourceFolder) -> Path | None:
    path = folder.root / "metadata.csv"
    return path if path.is_file() and not folder.alone else None


def _metadata_kind(folder: SourceFolder) -> str:
    path = _metadata(folder)
    columns = metadata.columns_of(folder, path) if path else None
    if columns is None:
        return ""
    if columns.speaker is not None or (folder.root / "wav").is_dir():
        return "piper"
    return "thorsten" if columns.text == 1 else "ljspeech"


def _metadata_rows(folder: SourceFolder) -> Iterable[Entry]:
    path = _metadata(folder)
    columns = metadata.columns_of(folder, path) if path else None
    return metadata.rows_of(folder, path, columns) if path and columns else ()


def _transcript(folder: SourceFolder) -> Path | None:
    paths = [folder.root / name for name in TRANSCRIPTS]
    return next((path for path in paths if path.is_file() and not folder.alone), None)


def _transcript_rows(folder: SourceFolder, text: int) -> Iterable[Entry]:
    path = _transcript(folder)
    return metadata.rows_of(folder, path, metadata.Columns("|", 0, text)) if path else ()


def _is_kss(folder: SourceFolder) -> bool:
    path = _transcript(folder)
    return path is not None and folder.text(path).partition("\n")[0].count("|") >= 4


def _sets(folder: SourceFolder) -> list[tuple[SourceFolder, DataFormat]]:
    """Folders in this one that are data sets."""
    found = [(inner, detect(inner)) for inner in folder.inner()]
    return [(inner, one) for inner, one in found if one.name != PLAIN]


def _set_rows(folder: SourceFolder) -> Iterable[Entry]:
    """Of every data set in the folder, and then what lies in none of them.

    Who speaks in a set that does not say so has the name of its folder.
    """
    sets = _sets(folder)
    for inner, one in sets:
        for entry in one.rows(inner):
            named = isinstance(entry, Rejected) or entry.speaker
            yield entry if named else replace(entry, speaker=inner.root.name)
    roots = [inner.root for inner, _ in sets]
    for path in folder.recordings:
        if not any(path.is_relative_to(root) for root in roots):
            yield from recordings.rows_of(folder, path, LONGEST_S)


def _nameless(folder: SourceFolder) -> tuple[Path, metadata.Columns] | None:
    """A list in the folder itself whose first rows name recordings."""
    for path in folder.files:
        if path.parent != folder.root or path.suffix.lower() not in tables.SUFFIXES:
            continue
        columns = None if folder.alone else metadata.columns_of(folder, path)
        if columns and any(
            map(_is_row, itertools.islice(metadata.rows_of(folder, path, columns), 5))
        ):
            return path, columns
    return None


def _is_row(entry: Entry) -> bool:
    return isinstance(entry, SourceRow)


def _nameless_rows(folder: SourceFolder) -> Iterable[Entry]:
    found = _nameless(folder)
    return metadata.rows_of(folder, *found) if found else ()


def _is_metadata(kind: str) -> Callable[[SourceFolder], bool]:
    return lambda folder: _metadata_kind(folder) == kind


FORMATS = (
    DataFormat("f5-arrow", "raw.arrow or raw/*.arrow of F5-TTS", arrow.fits, arrow.rows),
    DataFormat("vctk", "txt/SPEAKER/NAME.txt", _has("txt/*/*.txt"), trees.vctk),
    DataFormat("librispeech", "SPEAKER-CHAPTER.trans.txt", _has("*.trans.txt"), trees.librispeech),
    DataFormat(
        "libritts", "*trans.tsv, or NAME.normalized.txt beside NAME.wav",
        _has("*trans.tsv", "*.normalized.txt"), trees.libritts,
    ),
    DataFormat(
        "mls", "transcripts.txt and audio/SPEAKER/BOOK/", _has("transcripts.txt"), trees.mls
    ),
    DataFormat("mailabs", "by_book/SEX/SPEAKER/BOOK/metadata.csv", _has(
        "by_book/*/*/*/metadata.csv", "*/by_book/*/*/*/metadata.csv"), trees.mailabs),
    DataFormat("common-voice", "tsv with path and sentence, clips/", _is_any(_common_voice),
               _from(_common_voice)),
    DataFormat("cml-tts", "csv with wav_filename and transcript", _is_any(_cml), _from(_cml)),
    DataFormat("f5-csv", "audio_file|text with whole paths", _is_any(_f5), _from(_f5)),
    DataFormat("coqui", "csv with audio_file|text, maybe speaker_name", _is_any(_coqui),
               _from(_coqui)),
    DataFormat("list", "csv, tsv or jsonl with the columns audio and text", _is_any(_headed),
               _from(_headed)),
    DataFormat("kss", "transcript.v.1.4.txt: path|text|text in letters", _is_kss,
               lambda folder: _transcript_rows(folder, 2)),
    DataFormat("css10", "transcript.txt: path|text", lambda folder: bool(_transcript(folder)),
               lambda folder: _transcript_rows(folder, 1)),
    DataFormat("piper", "metadata.csv with name|speaker|text, or name|text and wav/",
               _is_metadata("piper"), _metadata_rows),
    DataFormat("ljspeech", "metadata.csv with name|text|text in words, and wavs/",
               _is_metadata("ljspeech"), _metadata_rows),
    DataFormat("thorsten", "metadata.csv with name|text, and wavs/", _is_metadata("thorsten"),
               _metadata_rows),
    DataFormat("nameless-list", "a csv, tsv or txt with name|text, without header",
               lambda folder: _nameless(folder) is not None, _nameless_rows),
    DataFormat("folders", "folders that are data sets, one speaker each if they name none",
               lambda folder: bool(_sets(folder)), _set_rows),
    DataFormat(PLAIN, "recordings, with NAME.txt, .lab, .srt or .vtt or without",
               lambda folder: True, lambda folder: _plain(folder, LONGEST_S)),
)  # fmt: skip
"""In the order in which they are tried."""
