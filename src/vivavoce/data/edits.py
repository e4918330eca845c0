"""What somebody decided after listening: other texts, clips to keep or to leave out, by id."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vivavoce.data.clips import Clip
from vivavoce.data.rows import Defect
from vivavoce.errors import UsageError, near_misses

COLUMNS = ("id", "keep", "text")
ANSWERS = {"yes": True, "no": False, "": None}


@dataclass(frozen=True)
class ClipEdit:
    """`keep` None leaves the decision to the checks; an empty `text` leaves the text."""

    keep: bool | None = None
    text: str = ""


def read(path: Path) -> dict[str, ClipEdit]:
    """A csv with the columns id, keep (yes, no or empty) and text. Raises UsageError."""
    try:
        content = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"Cannot read {path}: {error}.", "Give a csv file in UTF-8.") from error
    reader = csv.DictReader(io.StringIO(content, newline=""))
    columns = [name.strip().lower() for name in reader.fieldnames or ()]
    if "id" not in columns or not set(columns) <= set(COLUMNS):
        raise UsageError(
            f"{path} has the columns {', '.join(columns) or 'none'}.",
            "Write its first line as: id,keep,text",
        )
    reader.fieldnames = columns
    edits = {}
    for row in reader:
        answer = (row.get("keep") or "").strip().lower()
        if answer not in ANSWERS:
            raise UsageError(
                f"{path}:{reader.line_num}: keep is '{answer}'.", "Write yes, no or nothing."
            )
        text = " ".join((row.get("text") or "").split())
        edits[(row.get("id") or "").strip()] = ClipEdit(ANSWERS[answer], text)
    return edits


def require_known(edits: Mapping[str, ClipEdit], ids: Sequence[str]) -> None:
    """Raises UsageError for an id that no clip has."""
    for name in edits:
        if name not in ids:
            advice = near_misses(name, ids) or "See the ids in manifest.jsonl and rejected.jsonl."
            raise UsageError(f"There is no clip '{name}', which the edits name.", advice)


def with_texts(
    clips: Sequence[Clip], ids: Sequence[str], edits: Mapping[str, ClipEdit]
) -> list[Clip]:
    """Clips with the texts that were written for them."""
    done = []
    for clip, name in zip(clips, ids, strict=True):
        text = edits[name].text if name in edits else ""
        done.append(replace(clip, text=text, split_text=False) if text else clip)
    return done


def decided(clips: Sequence[Clip], ids: Sequence[str], edits: Mapping[str, ClipEdit]) -> list[Clip]:
    """What was found does not count against a clip that is to be kept; a text it must have."""
    left_out = Defect("left out by hand", "The edits leave it out.", "Set keep to yes to keep it.")
    done = []
    for clip, name in zip(clips, ids, strict=True):
        keep = edits[name].keep if name in edits else None
        if keep is False:
            clip = clip.with_problem(left_out)
        elif keep and clip.text:
            checks = tuple(replace(one, severity="check") for one in clip.problems)
            clip = replace(clip, problems=checks)
        done.append(clip)
    return done
