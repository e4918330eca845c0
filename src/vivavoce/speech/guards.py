"""Is this speech? Every utterance passes here before anybody hears it.

`lenient` turns what would be an error into a warning, but for numbers that are none.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from vivavoce.audio.guards import clipping_ratio, dc_offset, is_silent, nonfinite_count
from vivavoce.audio.transcript import implausible_pace
from vivavoce.errors import GuardError

SHORTEST_TOKEN_S, LONGEST_TOKEN_S = 0.005, 1.0
SILENCE_DB = -55.0
DC_LIMIT = 0.02
CLIPPED_SHARE = 0.001
_ADVICE = "Try another --seed, or check the model with `vivavoce doctor`."


def check_duration(
    frames: int, tokens: int, frame_s: float, text: str, lenient: bool = False
) -> tuple[str, ...]:
    """Raises GuardError when an utterance's length is absurd for its number of tokens."""
    seconds = frames * frame_s
    if SHORTEST_TOKEN_S * tokens <= seconds <= LONGEST_TOKEN_S * tokens + 2:
        return ()
    return _refuse(f"The model made {seconds:.2f} s for {tokens} tokens ('{text[:40]}')", lenient)


def check_pace(
    text: str, seconds: float, speed: float = 1.0, lenient: bool = False
) -> tuple[str, ...]:
    """Raises GuardError when nobody says the text in that time, counted by characters a second.

    `speed` is what was asked for. A wrong transcript of a reference shows here.
    """
    pace = implausible_pace(text, seconds, speed)
    if pace is None:
        return ()
    said = f"The model returned {seconds:.2f} s for '{text[:40]}' ({pace:.1f} characters a second)"
    return _refuse(said, lenient)


def check_reported(problem: str, text: str, lenient: bool = False) -> tuple[str, ...]:
    """Raises GuardError when the model itself says that something went wrong."""
    return _refuse(f"{problem} ('{text[:40]}')", lenient) if problem else ()


@dataclass
class SampleGuard:
    """Watches one utterance's samples as they come: `feed` each piece, then `finish`."""

    text: str
    lenient: bool = False
    pieces: list[np.ndarray] = field(default_factory=list)

    def feed(self, samples: np.ndarray) -> np.ndarray:
        """The samples within [-1, 1]. Raises GuardError for NaN or infinity."""
        if nonfinite_count(samples):
            raise GuardError(f"The model returned NaN or infinity for '{self.text[:40]}'.", _ADVICE)
        self.pieces.append(samples)
        return samples.clip(-1.0, 1.0)

    def finish(self) -> tuple[str, ...]:
        """What to warn about. Raises GuardError for an utterance that is silent throughout."""
        samples = np.concatenate(self.pieces or [np.zeros(0, np.float32)])
        if is_silent(samples, SILENCE_DB):
            return _refuse(f"The model returned silence for '{self.text[:40]}'", self.lenient)
        warnings = []
        offset, clipped = dc_offset(samples), clipping_ratio(samples, limit=1.0)
        if abs(offset) > DC_LIMIT:
            warnings.append(f"constant offset of {offset:+.3f} in '{self.text[:40]}'")
        if clipped > CLIPPED_SHARE:
            warnings.append(f"{clipped:.1%} of the samples are clipped in '{self.text[:40]}'")
        return tuple(warnings)


def _refuse(what: str, lenient: bool) -> tuple[str, ...]:
    if lenient:
        return (f"{what[0].lower()}{what[1:]}",)
    raise GuardError(f"{what}: not speech.", _ADVICE)
