"""How audio is written: rate, loudness, and what is kept of work that does not reach its end."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vivavoce.cli.terminal import say
from vivavoce.errors import UsageError

if TYPE_CHECKING:
    from vivavoce.audio.io import StreamWriter
    from vivavoce.audio.kept import Kept
    from vivavoce.audio.levelled import LevelledWriter

VOLUME_DB = (-60.0, 40.0)
LOUDNESS_LUFS = (-60.0, 0.0)
NEAR_LU = 0.5
"""What comes so near to the loudness that was asked for is worth no warning."""


@dataclass(frozen=True)
class Writing:
    """`volume_db` is a gain, `loudness_lufs` a goal for the whole audio; only one of them.

    `resume` begins with what was kept. Raises UsageError for what does not go together.
    """

    target: Path | None = None
    format: str | None = None
    sample_rate: int | None = None
    volume_db: float = 0.0
    loudness_lufs: float | None = None
    resume: bool = False

    def check(self, stream: bool, subtitles: bool) -> None:
        """Raises UsageError before any work is done."""
        from vivavoce.audio import formats

        if self.sample_rate is not None:
            formats.find(self.target or sys.stdout, self.format).require_rate(self.sample_rate)
        _require("--volume", self.volume_db, VOLUME_DB, "dB")
        if self.loudness_lufs is not None:
            _require("--loudness", self.loudness_lufs, LOUDNESS_LUFS, "LUFS")
            if self.volume_db:
                raise UsageError(
                    "--volume and --loudness are mutually exclusive.", "Give one of them."
                )
            if stream:
                raise UsageError(
                    "--loudness needs the whole speech; --stream writes it in parts.",
                    "Leave one of them out; --volume goes with --stream.",
                )
        if self.resume and (self.target is None or subtitles):
            other = "--subtitles" if subtitles else "a pipe"
            raise UsageError(f"--resume cannot be used with {other}.", "Leave one of them out.")

    def open(
        self, sample_rate: int, request: Mapping[str, str]
    ) -> tuple[StreamWriter | LevelledWriter, Kept | None]:
        """A writer, and what it begins with where an earlier run is resumed."""
        from vivavoce.audio import kept
        from vivavoce.audio.io import StreamWriter
        from vivavoce.audio.levelled import LevelledWriter

        found = kept.find(self.target, request) if self.resume and self.target else None
        where = self.target or sys.stdout.buffer
        keeps = request if self.target else None
        writer: StreamWriter | LevelledWriter = StreamWriter(
            where, sample_rate, self.format, file_rate=self.sample_rate, request=keeps
        )
        if self.loudness_lufs is not None:
            writer = LevelledWriter(writer, sample_rate, self.loudness_lufs)
        if found is None:
            return writer, None
        try:
            return writer, writer.restore(found)
        except BaseException:
            writer.abort()
            raise

    def warnings(self, writer: StreamWriter | LevelledWriter) -> list[str]:
        """What a user should know of the finished file."""
        found = []
        if writer.clipped:
            found.append(f"{writer.clipped} samples were too loud and were clipped: less --volume.")
        reached = getattr(writer, "reached_lufs", None)
        goal = self.loudness_lufs
        if goal is not None and reached is not None and reached < goal - NEAR_LU:
            found.append(
                f"the loudness is {reached:.1f} LUFS, not {goal:g}: louder would clip its peaks."
            )
        return found


@contextlib.contextmanager
def telling_what_is_kept(writer: StreamWriter | LevelledWriter) -> Iterator[None]:
    """Whatever ends the work: on stderr, what is kept of it and how to go on."""
    try:
        yield
    except BaseException:
        if writer.kept is not None:
            say(f"kept {writer.kept}; the same command with --resume goes on from there")
        raise


def request_of(source: str, **what: object) -> dict[str, str]:
    """What decides the audio, as text that can be compared with that of another run."""
    facts = {name: json.dumps(value, sort_keys=True, default=str) for name, value in what.items()}
    return {"text": hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest(), **facts}


def decisive(how: Mapping[str, Any]) -> dict[str, Any]:
    """Of the options those that decide the samples: work may go on in another manner."""
    return {name: value for name, value in how.items() if name not in ("on_problem", "early")}


def _require(option: str, value: float, limits: tuple[float, float], unit: str) -> None:
    lowest, highest = limits
    if not lowest <= value <= highest:
        raise UsageError(
            f"{option} is {value:g} {unit}.", f"Give {lowest:g} to {highest:g} {unit}."
        )
