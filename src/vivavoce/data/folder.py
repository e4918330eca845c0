"""The user's folder, only ever read: its recordings, and the files that a list names.

Links and names that lead out of the folder are refused unless they are allowed.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from vivavoce.audio.formats import RECORDING_SUFFIXES, is_recording
from vivavoce.data.rows import Defect, Rejected
from vivavoce.errors import UsageError

MARKER = "prepared.json"
"""The file that tells a prepared set from any other folder."""

MOST_TEXT = 512 << 20
"""Bytes of a list or a transcript that are read."""


class SourceFolder:
    """A folder, or one recording alone, with what was found in it."""

    def __init__(self, root: Path, outside: bool = False, top: Path | None = None) -> None:
        if not root.exists():
            raise UsageError(f"{root} does not exist.", "Give a folder or a recording.")
        self.alone = root.is_file()
        self.root = root.parent if self.alone else root
        self._only = root if self.alone else None
        self._outside = outside
        self._top = top or self.root
        self._real = Path(os.path.realpath(self._top))
        self._closed: list[Path] = []

    @cached_property
    def files(self) -> list[Path]:
        """Every file at any depth, sorted. Hidden ones and prepared sets are left out."""
        return [self._only] if self._only else sorted(self._walk())

    @cached_property
    def recordings(self) -> list[Path]:
        """Files whose names end as those of audio do, and which may be read."""
        named = [path for path in self.files if is_recording(path)]
        return [path for path in named if self._refusal(path) is None]

    @cached_property
    def refused(self) -> tuple[Rejected, ...]:
        """Recordings that are none, or lie elsewhere."""
        found = ((path, self._refusal(path)) for path in self.files if is_recording(path))
        refused = [Rejected(self.name(path), problem) for path, problem in found if problem]
        linked = [path for path in self.files if path.is_symlink() and path.is_dir()]
        refused += [Rejected(self.name(path), _LINKED) for path in linked if not is_recording(path)]
        return (*refused, *(Rejected(self.name(path), _CLOSED) for path in self._closed))

    def inner(self) -> list[SourceFolder]:
        """The folders in this one, as folders of their own whose files have the same names."""
        if self.alone:
            return []
        parts = (path.relative_to(self.root).parts for path in self.files)
        names = dict.fromkeys(each[0] for each in parts if len(each) > 1)
        return [SourceFolder(self.root / name, self._outside, self._top) for name in names]

    def name(self, path: Path) -> str:
        """The path as the user knows it, from the folder on; what is not UTF-8 is escaped."""
        inner = path.relative_to(self._top) if path.is_relative_to(self._top) else path
        return os.fsencode(inner.as_posix()).decode("utf-8", "backslashreplace")

    def find(self, name: str, near: Path | None = None, folders: Sequence[str] = ()) -> Path:
        """The recording that a list in `near` calls `name`: a path, or a name without suffix.

        Looks beside the list and in the root, in their subfolders `folders`, then for the only
        recording of that name anywhere. Raises NotUsable.
        """
        name = name.strip().replace("\\", "/")
        bases = [near or self.root, self.root]
        try:
            for base in dict.fromkeys(bases):
                for folder in ("", *folders):
                    path = base / folder / name
                    if is_recording(path) and path.is_file():
                        return self._allowed(path)
        except (OSError, ValueError):
            raise NotUsable(_missing(name)) from None
        stem = (
            Path(name).stem if Path(name).suffix.lower() in RECORDING_SUFFIXES else Path(name).name
        )
        found = self._stems.get(stem, [])
        if len(found) > 1:
            inner = [
                path for path in found if path.parent.as_posix().endswith(tuple(folders or "/"))
            ]
            found = inner if len(inner) == 1 else found
        if len(found) == 1:
            return found[0]
        if found:
            many = f"{len(found)} recordings are called '{stem}'."
            raise NotUsable(Defect("ambiguous", many, "Give its path."))
        raise NotUsable(_missing(name))

    def text(self, path: Path, head: int = 0) -> str:
        """A text file as UTF-8, or as Latin-1 where it is not; the lines in its first `head` bytes.

        Raises UsageError for a file that is too large or cannot be read.
        """
        try:
            with path.open("rb") as stream:
                data = stream.read(head or MOST_TEXT + 1)
        except OSError as error:
            raise UsageError(f"Cannot read {path}: {error.strerror}.", "Check the file.") from error
        if len(data) > MOST_TEXT:
            raise UsageError(f"{path} is larger than {MOST_TEXT >> 20} MiB.", "Split it.")
        if head and len(data) == head:
            data = data[: data.rfind(b"\n") + 1]
        if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return data.decode("utf-16", "replace").lstrip("\ufeff")
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError:
            return data.decode("latin-1")

    @cached_property
    def _stems(self) -> dict[str, list[Path]]:
        stems = defaultdict(list)
        for path in self.recordings:
            stems[path.stem].append(path)
        return dict(stems)

    def _walk(self) -> Iterator[Path]:
        for folder, names, files in os.walk(self.root, onerror=self._note_closed):
            here = Path(folder)
            if MARKER in files:
                names.clear()
                continue
            names[:] = sorted(name for name in names if not name.startswith("."))
            yield from (here / name for name in names if (here / name).is_symlink())
            yield from (here / name for name in files if not name.startswith("."))

    def _note_closed(self, error: OSError) -> None:
        self._closed.append(Path(error.filename))

    def _refusal(self, path: Path) -> Defect | None:
        if not path.exists():
            return Defect("broken link", "The link leads nowhere.", "Copy the recording here.")
        if not path.is_file():
            return Defect("not a file", "It is not a regular file.", "Give an audio file.")
        if not self._outside and not self._is_inside(path):
            remedy = "Copy the recording into the folder, or use --outside."
            return Defect("outside", "It is outside the folder.", remedy)
        return None

    def _is_inside(self, path: Path) -> bool:
        return Path(os.path.realpath(path)).is_relative_to(self._real)

    def _allowed(self, path: Path) -> Path:
        problem = self._refusal(path)
        if problem is not None:
            raise NotUsable(problem)
        return path


_LINKED = Defect("linked folder", "Links to folders are not followed.", "Give the folder itself.")
_CLOSED = Defect("closed folder", "The folder cannot be read.", "Check its permissions.")


class NotUsable(Exception):
    """One row cannot be used; it is listed, and the others are."""

    def __init__(self, problem: Defect) -> None:
        super().__init__(problem.message)
        self.problem = problem


def _missing(name: str) -> Defect:
    return Defect(
        "missing file",
        f"There is no recording '{name[:200]}'.",
        "Copy it here, or delete the row.",
    )
