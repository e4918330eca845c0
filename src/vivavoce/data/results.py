"""What came of it, as a value, and its files: manifest, list of what was left out, marker."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from vivavoce import files
from vivavoce.data.clips import Clip
from vivavoce.data.config import PrepareConfig
from vivavoce.data.filters import pace
from vivavoce.data.folder import MARKER
from vivavoce.data.rows import Defect, Rejected

MANIFEST, REJECTED, CLIPS, REPORT = "manifest.jsonl", "rejected.jsonl", "clips", "report.html"
VERSION = 1

GOOD_FOR = (
    (600.0, "a new language, or a voice from scratch"),
    (30.0, "fine-tuning all weights of a model for one voice"),
    (2.0, "fine-tuning by a low-rank adapter for one voice"),
)
"""Least minutes for each, from what people report for F5-TTS and XTTS."""


@dataclass(frozen=True)
class PreparedClip:
    """A clip of the set under its id; `source` is its recording as the user knows it."""

    id: str
    clip: Clip
    source: str
    speaker: str
    language: str
    gain_db: float
    held_out: bool = False

    def row(self) -> dict[str, object]:
        """A line of the manifest: what training reads, then where it comes from."""
        clip, found = self.clip, self.clip.measures
        return {
            "id": self.id,
            "audio": f"{CLIPS}/{self.id}.flac",
            "text": clip.text,
            "speaker": self.speaker,
            "language": self.language,
            "split": "validation" if self.held_out else "train",
            "seconds": round(clip.seconds, 3),
            "source": self.source,
            "start_s": round(clip.start_s, 3),
            "end_s": round(clip.end_s, 3),
            "gain_db": round(self.gain_db, 2),
            "lufs": round(clip.lufs + self.gain_db, 1),
            "snr_db": round(found.snr_db, 1),
            "bandwidth_hz": round(found.bandwidth_hz),
            "characters_s": round(pace(clip), 1),
            "checks": [defect.name for defect in clip.problems],
        }


@dataclass(frozen=True)
class Prepared:
    """A prepared set. `clips` are in it, `rejected` are not; `listed_as` is the input's format.

    `left_out` are those of `rejected` that are clips, to listen to.
    """

    folder: Path
    listed_as: str
    config: PrepareConfig
    clips: tuple[PreparedClip, ...]
    rejected: tuple[Rejected, ...]
    left_out: tuple[PreparedClip, ...]
    n_recordings: int
    ignored: int = 0
    report: Path | None = None

    @property
    def manifest(self) -> Path:
        return self.folder / MANIFEST

    @property
    def minutes(self) -> float:
        return sum(one.clip.seconds for one in self.clips) / 60

    @property
    def speakers(self) -> tuple[str, ...]:
        return tuple(sorted({one.speaker for one in self.clips}))

    @property
    def reasons(self) -> dict[str, int]:
        """How many were left out for each reason, most frequent first."""
        return dict(Counter(one.problem.name for one in self.rejected).most_common())

    @property
    def checks(self) -> dict[str, int]:
        """How many clips of the set should be reviewed, by reason."""
        return dict(Counter(d.name for one in self.clips for d in one.clip.problems).most_common())

    @property
    def enough(self) -> bool:
        return self.minutes >= self.config.least_minutes

    @property
    def good_for(self) -> str:
        return next((use for least, use in GOOD_FOR if self.minutes >= least), "")

    def summary(self) -> dict[str, object]:
        """Plain facts, ready to print."""
        n_held_out = sum(one.held_out for one in self.clips)
        return {
            "manifest": str(self.manifest),
            "report": str(self.report or ""),
            "format": self.listed_as,
            "recordings": self.n_recordings,
            "clips": len(self.clips),
            "minutes": round(self.minutes, 2),
            "validation_clips": n_held_out,
            "speakers": len(self.speakers),
            "to_check": sum(bool(one.clip.problems) for one in self.clips),
            "left_out": len(self.rejected),
            "left_out_minutes": round(sum(one.seconds for one in self.rejected) / 60, 2),
            "reasons": self.reasons,
            "checks": self.checks,
            "good_for": self.good_for,
        }


def rejected_clip(clip: Clip, source: str, defect: Defect, name: str = "") -> Rejected:
    """A clip that is left out, with its text and its place."""
    where, text = clip.row.where, clip.text or clip.row.text
    return Rejected(source, defect, where, text, clip.start_s, clip.end_s, clip.seconds, name)


def mark(folder: Path, facts: Mapping[str, object]) -> None:
    """Make the folder a prepared set. Raises OutputError."""
    text = json.dumps({"version": VERSION, **facts}, ensure_ascii=False, indent=1)
    files.write_text(folder / MARKER, text + "\n")


def write(result: Prepared) -> None:
    """Manifest and list of what was left out, each whole or not at all. Raises OutputError."""
    _write_lines(result.folder / MANIFEST, (one.row() for one in result.clips))
    _write_lines(result.folder / REJECTED, (_plain(one) for one in result.rejected))


def _plain(one: Rejected) -> dict[str, object]:
    return {
        "id": one.id,
        "source": one.source,
        "start_s": round(one.start_s, 3),
        "end_s": round(one.end_s, 3),
        "reason": one.problem.name,
        "message": one.problem.message,
        "remedy": one.problem.remedy,
        "text": one.text,
        "where": one.where,
    }


def _write_lines(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    lines = (json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)
    files.write_text(path, "".join(lines))


def settings(config: PrepareConfig) -> dict[str, object]:
    """The configuration as plain data."""
    return asdict(config)


def in_order(rejected: Sequence[Rejected]) -> tuple[Rejected, ...]:
    return tuple(sorted(rejected, key=lambda one: (one.source, one.start_s, one.where)))
