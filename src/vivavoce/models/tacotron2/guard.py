"""Tells whether the attention read the text, once and to its end."""

from __future__ import annotations

from dataclasses import dataclass

SKIPPED_TOKENS = 12
"""More than a long word: over so many tokens nobody jumps from one step to the next."""
BEHIND_TOKENS, BEHIND_S = 12, 0.1
"""So far behind what was read already, for so long, is a repetition."""
UNREAD_TOKENS = 6
"""At the end there may be marks and silence that are not attended to."""
STUCK_S = 2.0
"""No sound lasts so long."""


@dataclass
class AttentionGuard:
    """Watches the most attended token of each step; `problem` is the first thing that went wrong.

    `stuck` says that nothing more can come.
    """

    n_tokens: int
    step_s: float
    furthest: int = 0
    last: int = -1
    steps: int = 0
    steps_behind: int = 0
    steps_still: int = 0
    problem: str = ""

    @property
    def stuck(self) -> bool:
        return self.steps_still * self.step_s > STUCK_S

    def push(self, peak: int) -> None:
        """One step's most attended token."""
        self.steps += 1
        self.steps_still = self.steps_still + 1 if peak == self.last else 0
        back = self.furthest - peak
        self.steps_behind = self.steps_behind + 1 if back > BEHIND_TOKENS else 0
        if -back > SKIPPED_TOKENS:
            self._note(f"The attention skipped {-back} tokens")
        elif self.steps_behind * self.step_s > BEHIND_S:
            self._note(f"The attention went back {back} tokens")
        elif self.stuck:
            self._note(f"The attention was stuck at token {peak + 1} of {self.n_tokens}")
        self.last, self.furthest = peak, max(self.furthest, peak)

    def finish(self) -> str:
        """The problem, or that the end of the text was not read, or ""."""
        if self.n_tokens - 1 - self.furthest > UNREAD_TOKENS:
            self._note(f"The attention ended at token {self.furthest + 1} of {self.n_tokens}")
        return self.problem

    def _note(self, problem: str) -> None:
        self.problem = self.problem or f"{problem} at {self.steps * self.step_s:.1f} s"
