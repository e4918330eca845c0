"""Codes of several utterances, decoded together: continuous batching.

One pass: the states that the codes are drawn from are what the decoder of speech reads, so nothing
is computed twice. Shapes: N positions, W width, K codes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from vivavoce.models.xtts.cache import KVCache, Span, repeating, whole_blocks
from vivavoce.models.xtts.config import XttsOptions
from vivavoce.models.xtts.gpt import Gpt
from vivavoce.models.xtts.sampling import ALWAYS_SEEN, Samplers
from vivavoce.runtime import graphs


@dataclass(frozen=True)
class XttsPrompt:
    """What an utterance begins with: embeddings `[1, N, W]` behind what `voice` holds already.

    `keep` positions of it become `CodeSequence.voice`, for the next prompt of this voice.
    """

    embeddings: Tensor
    voice: KVCache | None = None
    voice_length: int = 0
    keep: int = 0

    @property
    def length(self) -> int:
        return self.voice_length + self.embeddings.shape[1]


@dataclass
class CodeSequence:
    """One utterance: its codes so far and their states `[W]`, one each, the stop's included.

    It ends with the stop code, or without it after as many codes as `uniform` `[K]` has numbers.
    """

    options: XttsOptions
    uniform: Tensor
    length: int
    voice: KVCache | None = None
    codes: list[int] = field(default_factory=list)
    states: list[Tensor] = field(default_factory=list)
    done: bool = False
    stopped: bool = False

    def latents(self, first: int = 0) -> Tensor:
        """States from the `first` code on, `[1, W, K]`."""
        return torch.stack(self.states[first:], dim=-1)[None]


class GptDecoder:
    """Continuous batching: `add` between any two steps; `step` draws a code of each sequence.

    A sequence's result does not depend on the others. Not for several threads.
    """

    def __init__(self, gpt: Gpt, rows: int) -> None:
        self.gpt, self.rows = gpt, rows
        if gpt.row_layout is not None:
            gpt.row_layout.agree(self, rows)
        self.stop = gpt.config.stop_code
        self.cache = gpt.cache(rows)
        self.device = gpt.norm.weight.device
        self.generated = torch.zeros(
            rows, gpt.config.code_tokens, dtype=torch.bool, device=self.device
        )
        self.sequences: list[CodeSequence] = []
        self.samplers: Samplers | None = None
        self.steps: dict[int, graphs.Work] = {}

    @property
    def full(self) -> bool:
        return len(self.sequences) == self.rows

    def add(self, prompt: XttsPrompt, options: XttsOptions, uniform: Tensor) -> CodeSequence:
        """Prefill the prompt and draw its first code. The decoder must have room."""
        assert not self.full
        row = len(self.sequences)
        sequence = CodeSequence(options, uniform.to(self.device), prompt.length)
        if self.cache.reserve(repeating(prompt.length + len(uniform), self.device)):
            self.steps.clear()  # they were recorded where the cache was before
        if prompt.voice is not None:
            self.cache.copy(prompt.voice, 0, row, prompt.voice_length)
        state = self._prefill(prompt, row)
        if prompt.keep:
            sequence.voice = self.gpt.cache(1)
            sequence.voice.reserve(prompt.keep)
            sequence.voice.copy(self.cache, row, 0, prompt.keep)
        self.generated[row] = False
        self.generated[row, [ALWAYS_SEEN, self.gpt.config.start_code]] = True
        self.sequences.append(sequence)
        self.samplers = None
        alone = Samplers([options], self.generated.shape[1], self.device)
        self._append([sequence], state, self.generated[row : row + 1], alone)
        self._evict()
        return sequence

    def _prefill(self, prompt: XttsPrompt, row: int) -> Tensor:
        """The state `[1, W]` behind a prompt.

        Padding to a shape that repeats lies behind it, where causal attention does not look; the
        codes overwrite it.
        """
        start, new = prompt.voice_length, prompt.embeddings.shape[1]
        room = repeating(prompt.length, self.device) - start
        filled = nn.functional.pad(prompt.embeddings, (0, 0, 0, room - new))
        span = Span.prompt(row, start, room, self.device)
        return self.gpt(filled, self.cache, span)[:, new - 1]

    def step(self) -> None:
        """Draw one code more of every sequence; those that are done are evicted."""
        if not self.sequences:
            return
        states = self._recorded() if graphs.records(self.device) else self._states()
        for sequence in self.sequences:
            sequence.length += 1
        if self.samplers is None:
            rows = [sequence.options for sequence in self.sequences]
            self.samplers = Samplers(rows, self.generated.shape[1], self.device)
        self._append(
            self.sequences, states[:, 0], self.generated[: len(self.sequences)], self.samplers
        )
        self._evict()

    def _states(self) -> Tensor:
        """What the GPT makes of each sequence's last code, `[B, 1, W]`."""
        said = torch.tensor(
            [[sequence.codes[-1]] for sequence in self.sequences], device=self.device
        )
        places = torch.tensor(
            [[len(sequence.codes)] for sequence in self.sequences], device=self.device
        )
        span = Span.step([sequence.length for sequence in self.sequences], self.device)
        return self.gpt(self.gpt.codes(said, places), self.cache, span)

    def _recorded(self) -> Tensor:
        """The same from a recording, of all rows, in use or not, up to a whole block of positions.

        Rows that are not in use say something to themselves, at their first position.
        """
        now = [
            (sequence.codes[-1], len(sequence.codes), sequence.length)
            for sequence in self.sequences
        ]
        now += [(0, 0, 0)] * (self.rows - len(now))
        given = torch.tensor(now, device=self.device)
        stop = whole_blocks(1 + max(length for _, _, length in now))
        if stop not in self.steps:
            self.steps[stop] = graphs.recorded(lambda where: self._all_rows(where, stop), given)
        return self.steps[stop](given)[: len(self.sequences)].clone()

    def _all_rows(self, where: Tensor, stop: int) -> Tensor:
        """`where` `[B, 3]`: each row's last code, its place, and how many positions it has."""
        said, places, columns = where.unbind(1)
        embedded = self.gpt.codes(said[:, None], places[:, None])
        return self.gpt(embedded, self.cache, Span.rows_at(columns, stop))

    def remove(self, sequence: CodeSequence) -> None:
        """End a sequence early."""
        sequence.done = True
        self._evict()

    def _append(
        self, sequences: list[CodeSequence], states: Tensor, generated: Tensor, samplers: Samplers
    ) -> None:
        """Draw each sequence's next code from its state `[B, W]`."""
        logits = self.gpt.code_head(states)
        uniform = torch.stack([sequence.uniform[len(sequence.codes)] for sequence in sequences])
        codes = samplers.pick(logits, generated, uniform)
        generated.scatter_(1, codes[:, None], True)
        for sequence, code, state in zip(sequences, codes.tolist(), states, strict=True):
            sequence.codes.append(code)
            sequence.states.append(state)
            sequence.stopped = code == self.stop
            sequence.done = sequence.stopped or len(sequence.codes) == len(sequence.uniform)

    def _evict(self) -> None:
        """Rows that are done are filled from the end, so that those in use stay the first."""
        for row in reversed(range(len(self.sequences))):
            if not self.sequences[row].done:
                continue
            last = self.sequences.pop()
            if row < len(self.sequences):
                self.sequences[row] = last
                self.cache.copy(self.cache, len(self.sequences), row, last.length)
                self.generated[row] = self.generated[len(self.sequences)]
            self.samplers = None
