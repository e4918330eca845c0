"""Is this speech? Every utterance passes here before anybody hears it. Knows samples and counts."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from vivavoce.errors import GuardError

SHORTEST_TOKEN_S, LONGEST_TOKEN_S = 0.005, 1.0
SILENCE_RMS = 10 ** (-55 / 20)
DC_LIMIT = 0.02
CLIPPED_SHARE = 0.001
_ADVICE = "Try another --seed, or check the model with `vivavoce doctor`."


def check_duration(frames: int, tokens: int, frame_s: float, text: str) -> None:
    """Raises GuardError when an utterance's length is absurd for its number of tokens."""
    seconds = frames * frame_s
    if not SHORTEST_TOKEN_S * tokens <= seconds <= LONGEST_TOKEN_S * tokens + 2:
        raise GuardError(
            f"The model gave {seconds:.2f} s for {tokens} tokens ('{text[:40]}'): not speech.",
            _ADVICE,
        )


@dataclass
class SampleGuard:
    """Watches one utterance's samples as they come. `feed` each piece, then `finish`."""

    text: str
    n: int = 0
    total: float = 0.0
    squares: float = 0.0
    clipped: int = 0
    peak: float = field(default=0.0)

    def feed(self, samples: np.ndarray) -> np.ndarray:
        """The samples within [-1, 1]. Raises GuardError for NaN or infinity."""
        if not np.isfinite(samples).all():
            raise GuardError(f"The model gave NaN or infinity for '{self.text[:40]}'.", _ADVICE)
        self.n += samples.size
        self.total += float(samples.sum(dtype=np.float64))
        self.squares += float(np.square(samples, dtype=np.float64).sum())
        self.peak = max(self.peak, float(np.abs(samples).max(initial=0.0)))
        self.clipped += int((np.abs(samples) > 1.0).sum())
        return samples.clip(-1.0, 1.0)

    def finish(self) -> tuple[str, ...]:
        """What to warn about. Raises GuardError for an utterance that is silent throughout."""
        if not self.n or (self.squares / self.n) ** 0.5 < SILENCE_RMS:
            raise GuardError(f"The model gave silence for '{self.text[:40]}'.", _ADVICE)
        warnings = []
        if abs(self.total / self.n) > DC_LIMIT:
            warnings.append(f"constant offset of {self.total / self.n:+.3f} in '{self.text[:40]}'")
        if self.clipped > CLIPPED_SHARE * self.n:
            warnings.append(f"{self.clipped} clipped samples in '{self.text[:40]}'")
        return tuple(warnings)
