"""Utterances being said code by code, many at a time: each joins when it comes, leaves when done.

One pass: the states that the codes are drawn from are what the decoder of speech reads, so nothing
is computed twice. Knows no text and no voices. Shapes: N positions, W width, K codes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from vivavoce.device.arithmetic import for_many_rows
from vivavoce.models.xtts.cache import Cache, Span
from vivavoce.models.xtts.gpt import Gpt
from vivavoce.models.xtts.sampling import ALWAYS_SEEN, Sampler, Samplers

MANY = 4
"""From so many lines on it pays to lay the weights out for several rows."""


@dataclass(frozen=True)
class Prompt:
    """What an utterance begins with: embeddings `[1, N, W]` behind what `voice` holds already.

    `keep` positions of it are wanted back, as `Line.voice`, for the next prompt of this voice.
    """

    embeddings: Tensor
    voice: Cache | None = None
    voice_length: int = 0
    keep: int = 0

    @property
    def length(self) -> int:
        return self.voice_length + self.embeddings.shape[1]


@dataclass
class Line:
    """One utterance: its codes so far and their states `[W]`, one each, the stop's included.

    It ends with the stop code, or without it after as many codes as `uniform` `[K]` has numbers.
    """

    sampler: Sampler
    uniform: Tensor
    length: int
    voice: Cache | None = None
    codes: list[int] = field(default_factory=list)
    states: list[Tensor] = field(default_factory=list)
    done: bool = False
    stopped: bool = False

    def latents(self, first: int = 0) -> Tensor:
        """States from the `first` code on, `[1, W, K]`."""
        return torch.stack(self.states[first:], dim=-1)[None]


class Decoding:
    """Continuous batching: `join` between any two steps; `step` says one code more of each line.

    A line's result does not depend on who else is there. Not for several threads.
    """

    def __init__(self, gpt: Gpt, rows: int) -> None:
        self.gpt, self.rows = gpt, rows
        if rows >= MANY:
            for_many_rows(gpt)
        self.stop = gpt.config.stop_code
        self.cache = gpt.cache(rows)
        self.device = gpt.norm.weight.device
        self.seen = torch.zeros(rows, gpt.config.code_tokens, dtype=torch.bool, device=self.device)
        self.lines: list[Line] = []
        self.samplers: Samplers | None = None

    @property
    def full(self) -> bool:
        return len(self.lines) == self.rows

    def join(self, prompt: Prompt, sampler: Sampler, uniform: Tensor) -> Line:
        """Hear the prompt and say the first code. A full decoding takes no more lines."""
        assert not self.full
        row = len(self.lines)
        line = Line(sampler, uniform.to(self.device), prompt.length)
        self.cache.reserve(prompt.length + len(uniform))
        if prompt.voice is not None:
            self.cache.copy(prompt.voice, 0, row, prompt.voice_length)
        new = prompt.embeddings.shape[1]
        span = Span.prompt(row, prompt.voice_length, new, self.device)
        states = self.gpt(prompt.embeddings, self.cache, span)
        if prompt.keep:
            line.voice = self.gpt.cache(1)
            line.voice.reserve(prompt.keep)
            line.voice.copy(self.cache, row, 0, prompt.keep)
        self.seen[row] = False
        self.seen[row, [ALWAYS_SEEN, self.gpt.config.start_code]] = True
        self.lines.append(line)
        self.samplers = None
        alone = Samplers([sampler], self.seen.shape[1], self.device)
        self._say([line], states[:, -1], self.seen[row : row + 1], alone)
        self._let_go()
        return line

    def step(self) -> None:
        """One code more of every line; those that are done leave."""
        if not self.lines:
            return
        said = torch.tensor([[line.codes[-1]] for line in self.lines], device=self.device)
        places = torch.tensor([[len(line.codes)] for line in self.lines], device=self.device)
        span = Span.step([line.length for line in self.lines], self.device)
        states = self.gpt(self.gpt.codes(said, places), self.cache, span)
        for line in self.lines:
            line.length += 1
        if self.samplers is None:
            rows = [line.sampler for line in self.lines]
            self.samplers = Samplers(rows, self.seen.shape[1], self.device)
        self._say(self.lines, states[:, 0], self.seen[: len(self.lines)], self.samplers)
        self._let_go()

    def leave(self, line: Line) -> None:
        """Before its end: whoever asked for it is gone."""
        line.done = True
        self._let_go()

    def _say(self, lines: list[Line], states: Tensor, seen: Tensor, samplers: Samplers) -> None:
        """Draw each line's next code from its state `[B, W]`."""
        logits = self.gpt.code_head(states)
        uniform = torch.stack([line.uniform[len(line.codes)] for line in lines])
        codes = samplers.pick(logits, seen, uniform)
        seen.scatter_(1, codes[:, None], True)
        for line, code, state in zip(lines, codes.tolist(), states, strict=True):
            line.codes.append(code)
            line.states.append(state)
            line.stopped = code == self.stop
            line.done = line.stopped or len(line.codes) == len(line.uniform)

    def _let_go(self) -> None:
        """Rows that are done are filled from the end, so that those in use stay the first."""
        for row in reversed(range(len(self.lines))):
            if not self.lines[row].done:
                continue
            last = self.lines.pop()
            if row < len(self.lines):
                self.lines[row] = last
                self.cache.copy(self.cache, len(self.lines), row, last.length)
                self.seen[row] = self.seen[len(self.lines)]
            self.samplers = None
