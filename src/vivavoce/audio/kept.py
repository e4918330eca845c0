"""What an interrupted work leaves: NAME.part, audio that is not whole, and NAME.part.json about it.

The note says which utterances are complete, so that the work can go on behind the last of them.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

from vivavoce.errors import OutputError, UsageError

FORMAT = 1


@dataclass(frozen=True)
class Mark:
    """A complete utterance: it ends at `end` in the text and after `samples` of the output."""

    end: int
    samples: int


@dataclass(frozen=True)
class Kept:
    """Audio at `path` up to the last of `marks`, at `sample_rate` Hz, made for `request`.

    `request` is whatever decides the audio, as text: a hash of the source, voice, model, seed.
    """

    path: Path
    format: str
    sample_rate: int
    marks: tuple[Mark, ...]
    request: Mapping[str, str]

    @property
    def end(self) -> int:
        """Where in the text to go on."""
        return self.marks[-1].end

    @property
    def samples(self) -> int:
        return self.marks[-1].samples

    @property
    def seconds(self) -> float:
        return self.samples / self.sample_rate

    def __str__(self) -> str:
        n = len(self.marks)
        return f"{self.seconds:.1f} s ({n} utterance{'s'[: n > 1]}) in {self.path}"

    def save(self) -> bool:
        """Writes the note beside the audio; False where it cannot be."""
        note = _note(self.path)
        facts = {
            "format": FORMAT,
            "audio": self.format,
            "sample_rate": self.sample_rate,
            "request": dict(self.request),
            "complete": [asdict(mark) for mark in self.marks],
        }
        temporary = note.with_name(f"{note.name}.new")
        try:
            temporary.write_text(json.dumps(facts, indent=1), encoding="utf-8")
            temporary.replace(note)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            return False
        return True


def part_of(target: Path) -> Path:
    """Where what is kept of a target lies."""
    return target.with_name(f"{target.name}.part")


def find(target: str | Path, request: Mapping[str, str]) -> Kept | None:
    """What an earlier run kept of that target, or None.

    Raises UsageError where it was made for another request, OutputError for a damaged note.
    """
    path = part_of(Path(target))
    note = _note(path)
    if not path.is_file() or not note.is_file():
        return None
    try:
        facts = json.loads(note.read_text(encoding="utf-8"))
        if facts["format"] != FORMAT:
            raise ValueError(f"its format is {facts['format']!r}")
        marks = tuple(Mark(int(m["end"]), int(m["samples"])) for m in facts["complete"])
        asked = {str(name): str(value) for name, value in facts["request"].items()}
        found = Kept(path, str(facts["audio"]), int(facts["sample_rate"]), marks, asked)
        _require_order(marks)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise OutputError(
            f"{note} is damaged ({error}).", f"Start anew: remove {path} and {note}."
        ) from error
    names = sorted(asked.keys() | request.keys())
    differ = [name for name in names if asked.get(name) != request.get(name)]
    if differ:
        raise UsageError(
            f"{path} was made with another {', '.join(differ)}.",
            "Ask for the same again, or start anew without --resume.",
        )
    return found


def remove(target: Path) -> None:
    """Nothing is kept of a target any longer."""
    path = part_of(target)
    if _note(path).is_file():  # else it is not ours
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
            _note(path).unlink()


def _note(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _require_order(marks: tuple[Mark, ...]) -> None:
    if not marks:
        raise ValueError("no utterance is complete")
    begin = Mark(0, 0)
    for one, other in pairwise((begin, *marks)):
        if one.end > other.end or one.samples > other.samples:
            raise ValueError("its utterances are not in order")
