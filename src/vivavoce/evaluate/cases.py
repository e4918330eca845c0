"""Lists of sentences to speak and to score, as benchmarks publish them."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from vivavoce.errors import UsageError, near_misses
from vivavoce.files import lines

LARGEST_LIST = 64 << 20


@dataclass(frozen=True)
class Case:
    """A sentence. `prompt` is the recording to clone and to compare with, `prompt_text` its words;
    both empty for a model's own speaker.
    """

    id: str
    text: str
    prompt: str = ""
    prompt_text: str = ""


@dataclass(frozen=True)
class CaseList:
    """A list, its name, its format and the digest of its file."""

    name: str
    format: str
    sha256: str
    language: str
    cases: tuple[Case, ...]

    def first(self, count: int | None) -> CaseList:
        return self if count is None else replace(self, cases=self.cases[:count])


def read(
    path: str | Path,
    format: str | None = None,  # noqa: A002 - the word everybody uses
    data: str | Path | None = None,
    language: str = "",
) -> CaseList:
    """A list of seed-tts-eval, LibriSpeech-PC (as F5-TTS has it), MiniMax, or a CSV or TSV file.

    `data` is the folder that recordings count from; by default that of the list. Without a
    `format` the list shows what it is. Raises UsageError.
    """
    path = Path(path)
    if not path.is_file():
        raise UsageError(f"There is no list {path}.", "Check the path.")
    if path.stat().st_size > LARGEST_LIST:
        raise UsageError(f"{path} is larger than {LARGEST_LIST >> 20} MB.")
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 ({error}).", "Save it as UTF-8.") from error
    kind = format or _kind(path, text)
    if kind not in READERS:
        raise UsageError(f"Unknown list format '{kind}'.", near_misses(kind, READERS))
    cases = tuple(READERS[kind](text, path, Path(data) if data else None))
    _require(path, cases)
    spoken = language or ("zh" if any("\u4e00" <= c <= "\u9fff" for c in cases[0].text) else "en")
    digest = hashlib.sha256(content).hexdigest()
    return CaseList(path.name, kind, digest, spoken, cases)


def _kind(path: Path, text: str) -> str:
    first = next((line for line in lines(text) if line.strip()), "")
    if path.suffix.lower() in (".csv", ".tsv"):
        return "csv"
    if first.count("\t") == 5:
        return "librispeech-pc"
    return "seed-tts" if first.count("|") >= 3 else "minimax"


def _seed_tts(text: str, path: Path, data: Path | None) -> Iterator[Case]:
    """`id|words of the prompt|prompt|text[|recording]`."""
    for number, fields in _rows(text, "|"):
        if len(fields) < 4:
            raise UsageError(f"Line {number} of {path} has {len(fields)} fields, not 4 or 5.")
        folder = data or path.parent
        yield Case(Path(fields[0]).stem, fields[3], str(folder / fields[2]), fields[1])


def _librispeech(text: str, path: Path, data: Path | None) -> Iterator[Case]:
    """Six columns: id, seconds and words of the prompt, then of the sentence."""
    for number, fields in _rows(text, "\t"):
        if len(fields) != 6:
            raise UsageError(f"Line {number} of {path} has {len(fields)} fields, not 6.")
        speaker, chapter, _ = (*fields[0].split("-"), "", "")[:3]
        recording = (data or path.parent) / speaker / chapter / f"{fields[0]}.flac"
        yield Case(fields[3], f" {fields[5]}", str(recording), fields[2])


def _minimax(text: str, path: Path, data: Path | None) -> Iterator[Case]:
    """`prompt|text` in `text/LANGUAGE.txt`; recordings lie in `speaker/LANGUAGE`."""
    root = data or path.parent.parent
    folder = root / "speaker" / path.stem
    for number, fields in _rows(text, "|"):
        if len(fields) != 2:
            raise UsageError(f"Line {number} of {path} has {len(fields)} fields, not 2.")
        name = fields[0]
        places = [root / name, folder / name, *sorted(folder.glob(f"*/{Path(name).name}"))]
        found = next((place for place in places if place.is_file()), places[0])
        yield Case(f"{path.stem}-{number:03}", fields[1], str(found), _words(found))


def _words(recording: Path) -> str:
    """Of a MiniMax prompt: `prompt_text.txt` beside it has `name|words` lines, or words alone."""
    path = recording.parent / "prompt_text.txt"
    if not path.is_file():
        return ""
    text = path.read_text(encoding="utf-8-sig")
    known = dict(fields[:2] for _, fields in _rows(text, "|") if len(fields) > 1)
    return known.get(recording.name, "" if known else text.strip())


def _csv(text: str, path: Path, data: Path | None) -> Iterator[Case]:
    """Columns id, text, and where needed ref and ref_text."""
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    if not {"id", "text"} <= set(rows.fieldnames or ()):
        raise UsageError(f"{path} has no columns 'id' and 'text'.", "Name them in its first line.")
    for row in rows:
        ref = row.get("ref") or ""
        prompt = str((data or path.parent) / ref) if ref else ""
        yield Case(row["id"] or "", row["text"] or "", prompt, row.get("ref_text") or "")


Reader = Callable[[str, Path, "Path | None"], Iterator[Case]]
READERS: dict[str, Reader] = {
    "seed-tts": _seed_tts,
    "librispeech-pc": _librispeech,
    "minimax": _minimax,
    "csv": _csv,
}


def _rows(text: str, mark: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(lines(text), 1):
        if line.strip():
            yield number, line.split(mark)


def _require(path: Path, cases: tuple[Case, ...]) -> None:
    if not cases:
        raise UsageError(f"{path} holds no sentences.")
    seen: set[str] = set()
    for case in cases:
        if not case.id or not case.text.strip() or case.id in seen:
            raise UsageError(
                f"{path}: the id '{case.id}' is empty or repeated, or its text is empty.",
                "Give every sentence its own id.",
            )
        seen.add(case.id)
