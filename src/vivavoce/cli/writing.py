"""How audio is written: rate, loudness, and what is kept of work that does not reach its end."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vivavoce.cli.terminal import say
from vivavoce.errors import UsageError

if TYPE_CHECKING:
    from vivavoce.audio.io import StreamWriter
    from vivavoce.audio.levelled import LevelledWriter
    from vivavoce.speech.engine import TTS
    from vivavoce.speech.keeping import Keeping

VOLUME_DB = (-60.0, 40.0)
LOUDNESS_LUFS = (-60.0, 0.0)
NEAR_LU = 0.5
"""What comes so near to the loudness that was asked for is worth no warning."""


@dataclass(frozen=True)
class Writing:
    """`volume_db` is a gain, `loudness_lufs` a goal for the whole audio; only one of them.

    `resume` takes what an earlier run has kept. Raises UsageError for what does not go together.
    """

    target: Path | None = None
    format: str | None = None
    sample_rate: int | None = None
    volume_db: float = 0.0
    loudness_lufs: float | None = None
    resume: bool = False

    def check(self, stream: bool) -> None:
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
        if self.resume and self.target is None:
            raise UsageError("--resume cannot be used with a pipe.", "Write to a file with -o.")

    def open(self, sample_rate: int) -> StreamWriter | LevelledWriter:
        from vivavoce.audio.io import StreamWriter
        from vivavoce.audio.levelled import LevelledWriter

        where = self.target or sys.stdout.buffer
        writer = StreamWriter(where, sample_rate, self.format, file_rate=self.sample_rate)
        if self.loudness_lufs is None:
            return writer
        return LevelledWriter(writer, sample_rate, self.loudness_lufs)

    @contextlib.contextmanager
    def keeping(self, tts: TTS) -> Iterator[Keeping | None]:
        """What keeps utterances until the target is complete; None for a pipe."""
        from vivavoce.speech.keeping import Keeping

        if self.target is None:
            yield None
            return
        again = "the same command with --resume continues"
        with Keeping(tts, self.target, self.resume) as kept:
            if kept.found:
                say(f"resuming with {kept.found} passages from {kept.folder}")
            with telling_what_is_kept(kept.folder, again):
                yield kept

    def warnings(self, writer: StreamWriter | LevelledWriter) -> list[str]:
        """What a user should know of the finished file."""
        found = []
        if writer.clipped:
            found.append(
                f"{writer.clipped} samples were too loud and were clipped: lower --volume."
            )
        reached = getattr(writer, "reached_lufs", None)
        goal = self.loudness_lufs
        if goal is not None and reached is not None and reached < goal - NEAR_LU:
            found.append(
                f"the loudness is {reached:.1f} LUFS, not {goal:g}: louder would clip its peaks."
            )
        return found


@contextlib.contextmanager
def telling_what_is_kept(folder: Path, again: str = "the same command continues") -> Iterator[None]:
    """Whatever ends the work: on stderr, where the speech is that is done, and how to go on."""
    try:
        yield
    except BaseException:
        from vivavoce.speech import keeping

        if count := keeping.count(folder):
            say(f"kept {count} passage{'s'[: count > 1]} in {folder}; {again}")
        raise


def _require(option: str, value: float, limits: tuple[float, float], unit: str) -> None:
    lowest, highest = limits
    if not lowest <= value <= highest:
        raise UsageError(
            f"{option} is {value:g} {unit}.", f"Give {lowest:g} to {highest:g} {unit}."
        )
