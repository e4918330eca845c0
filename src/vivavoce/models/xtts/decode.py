"""Utterances being said code by code, many at a time: each joins when it comes, leaves when done.

One pass: the states that the codes are drawn from are what the decoder of speech reads, so nothing
is computed twice. Knows no text and no voices. Shapes: N positions, W width, K codes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from vivavoce.models.xtts.cache import Cache, Span, repeating, whole_blocks
from vivavoce.models.xtts.gpt import Gpt
from vivavoce.models.xtts.sampling import ALWAYS_SEEN, Sampler, Samplers
from vivavoce.runtime import graphs


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
        if gpt.row_layout is not None:
            gpt.row_layout.agree(self, rows)
        self.stop = gpt.config.stop_code
        self.cache = gpt.cache(rows)
        self.device = gpt.norm.weight.device
        self.seen = torch.zeros(rows, gpt.config.code_tokens, dtype=torch.bool, device=self.device)
        self.lines: list[Line] = []
        self.samplers: Samplers | None = None
        self.steps: dict[int, graphs.Work] = {}

    @property
    def full(self) -> bool:
        return len(self.lines) == self.rows

    def join(self, prompt: Prompt, sampler: Sampler, uniform: Tensor) -> Line:
        """Hear the prompt and say the first code. A full decoding takes no more lines."""
        assert not self.full
        row = len(self.lines)
        line = Line(sampler, uniform.to(self.device), prompt.length)
        if self.cache.reserve(repeating(prompt.length + len(uniform), self.device)):
            self.steps.clear()  # they were recorded where the cache was before
        if prompt.voice is not None:
            self.cache.copy(prompt.voice, 0, row, prompt.voice_length)
        state = self._hear(prompt, row)
        if prompt.keep:
            line.voice = self.gpt.cache(1)
            line.voice.reserve(prompt.keep)
            line.voice.copy(self.cache, row, 0, prompt.keep)
        self.seen[row] = False
        self.seen[row, [ALWAYS_SEEN, self.gpt.config.start_code]] = True
        self.lines.append(line)
        self.samplers = None
        alone = Samplers([sampler], self.seen.shape[1], self.device)
        self._say([line], state, self.seen[row : row + 1], alone)
        self._let_go()
        return line

    def _hear(self, prompt: Prompt, row: int) -> Tensor:
        """The state `[1, W]` behind a prompt.

        What fills it up to a shape that repeats comes later, so it is not heard, and gives way to
        the codes.
        """
        start, new = prompt.voice_length, prompt.embeddings.shape[1]
        room = repeating(prompt.length, self.device) - start
        filled = nn.functional.pad(prompt.embeddings, (0, 0, 0, room - new))
        span = Span.prompt(row, start, room, self.device)
        return self.gpt(filled, self.cache, span)[:, new - 1]

    def step(self) -> None:
        """One code more of every line; those that are done leave."""
        if not self.lines:
            return
        states = self._recorded() if graphs.records(self.device) else self._states()
        for line in self.lines:
            line.length += 1
        if self.samplers is None:
            rows = [line.sampler for line in self.lines]
            self.samplers = Samplers(rows, self.seen.shape[1], self.device)
        self._say(self.lines, states[:, 0], self.seen[: len(self.lines)], self.samplers)
        self._let_go()

    def _states(self) -> Tensor:
        """What the GPT makes of each line's last code, `[B, 1, W]`."""
        said = torch.tensor([[line.codes[-1]] for line in self.lines], device=self.device)
        places = torch.tensor([[len(line.codes)] for line in self.lines], device=self.device)
        span = Span.step([line.length for line in self.lines], self.device)
        return self.gpt(self.gpt.codes(said, places), self.cache, span)

    def _recorded(self) -> Tensor:
        """The same from a recording, of all rows, in use or not, up to a whole block of positions.

        Rows that are not in use say something to themselves, at their first position.
        """
        now = [(line.codes[-1], len(line.codes), line.length) for line in self.lines]
        now += [(0, 0, 0)] * (self.rows - len(now))
        given = torch.tensor(now, device=self.device)
        stop = whole_blocks(1 + max(length for _, _, length in now))
        if stop not in self.steps:
            self.steps[stop] = graphs.recorded(lambda where: self._all_rows(where, stop), given)
        return self.steps[stop](given)[: len(self.lines)].clone()

    def _all_rows(self, where: Tensor, stop: int) -> Tensor:
        """`where` `[B, 3]`: each row's last code, its place, and how many positions it has."""
        said, places, columns = where.unbind(1)
        embedded = self.gpt.codes(said[:, None], places[:, None])
        return self.gpt(embedded, self.cache, Span.rows_at(columns, stop))

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
