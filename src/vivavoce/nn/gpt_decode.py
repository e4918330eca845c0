"""Codes of several utterances, decoded together: continuous batching.

One pass: the states that the codes are drawn from are what the decoder of speech reads, so nothing
is computed twice. Shapes: N positions, W width, K codes.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from vivavoce.nn.gpt import Gpt
from vivavoce.nn.kv_cache import DecodingSpace, KVCache, Span, repeating, whole_blocks
from vivavoce.nn.sampling import Samplers, SamplingOptions
from vivavoce.runtime import graphs

ALWAYS_SEEN = 1
"""The reference writes this code where the prompt is, so it is penalised from the beginning."""


@dataclass(frozen=True)
class GptPrompt:
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

    options: SamplingOptions
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
        self.device = gpt.norm.weight.device
        self.space = self._space()
        self.cache, self.generated = self.space.cache, self.space.generated
        self.sequences: list[CodeSequence] = []
        self.samplers: Samplers | None = None

    def _space(self) -> DecodingSpace:
        """Where work is recorded, one that an earlier decoder left, with its recordings.

        It has room for the longest utterance, so that it never moves. Elsewhere memory is worth
        more than tensors made before, and the space ends with its decoder.
        """
        gpt, rows, device = self.gpt, self.rows, self.device
        space = gpt.spaces.take(rows)
        if space is None:
            shape = rows, gpt.config.code_tokens
            generated = torch.zeros(shape, dtype=torch.bool, device=device)
            space = DecodingSpace(gpt.cache(rows), generated)
        if graphs.records(device):
            space.reserve(gpt.most_positions)
            weakref.finalize(self, gpt.spaces.give, rows, space).atexit = False
        return space

    @property
    def full(self) -> bool:
        return len(self.sequences) == self.rows

    def add(self, prompt: GptPrompt, options: SamplingOptions, uniform: Tensor) -> CodeSequence:
        """Prefill the prompt and draw its first code. The decoder must have room."""
        return self.add_all([(prompt, options, uniform)])[0]

    def add_all(
        self, starts: Sequence[tuple[GptPrompt, SamplingOptions, Tensor]]
    ) -> list[CodeSequence]:
        """The same for several, those of equal length in one pass. There must be room for all."""
        assert len(self.sequences) + len(starts) <= self.rows
        if not starts:
            return []
        most = max(prompt.length + len(uniform) for prompt, _, uniform in starts)
        self.space.reserve(most)
        found = [
            CodeSequence(options, uniform.to(self.device), prompt.length)
            for prompt, options, uniform in starts
        ]
        alike: dict[tuple[int, int], list[tuple[GptPrompt, CodeSequence]]] = {}
        for (prompt, _, _), sequence in zip(starts, found, strict=True):
            shape = prompt.voice_length, repeating(prompt.length, self.device)
            alike.setdefault(shape, []).append((prompt, sequence))
        for group in alike.values():
            prompts, sequences = zip(*group, strict=True)
            self._begin(prompts, sequences)
        return found

    def _begin(self, prompts: Sequence[GptPrompt], sequences: Sequence[CodeSequence]) -> None:
        first = len(self.sequences)
        states = self._prefill(prompts, first)
        for row, (prompt, sequence) in enumerate(zip(prompts, sequences, strict=True), first):
            if prompt.keep:
                sequence.voice = self.gpt.cache(1)
                sequence.voice.reserve(prompt.keep)
                sequence.voice.copy(self.cache, row, 0, prompt.keep)
        rows = self.generated[first : first + len(prompts)]
        rows[:] = False
        rows[:, [ALWAYS_SEEN, self.gpt.config.start_code]] = True
        self.sequences += sequences
        self.samplers = None
        options = [sequence.options for sequence in sequences]
        samplers = Samplers(options, self.generated.shape[1], self.device)
        self._append(list(sequences), states, rows, samplers)
        self._evict()

    def _prefill(self, prompts: Sequence[GptPrompt], first: int) -> Tensor:
        """The states `[B, W]` behind prompts for the rows from `first` on.

        Padding to a shape that repeats lies behind them, where causal attention does not look; the
        codes overwrite it.
        """
        start = prompts[0].voice_length
        room = repeating(max(prompt.length for prompt in prompts), self.device) - start
        for row, prompt in enumerate(prompts, first):
            if prompt.voice is not None:
                self.cache.copy(prompt.voice, 0, row, start)
        new = [prompt.embeddings.shape[1] for prompt in prompts]
        filled = [
            nn.functional.pad(prompt.embeddings, (0, 0, 0, room - n))
            for prompt, n in zip(prompts, new, strict=True)
        ]
        span = Span.prompt(first, start, room, self.device)
        states = self.gpt(torch.cat(filled), self.cache, span)
        return torch.stack([states[row, n - 1] for row, n in enumerate(new)])

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
        if stop not in self.space.steps:
            # It must not hold on to the decoder, whose end gives the space back, nor to the model.
            gpt, cache = weakref.proxy(self.gpt), self.cache

            def all_rows(where: Tensor) -> Tensor:
                """`where` `[B, 3]`: each row's last code, its place, and how many positions."""
                said, places, columns = where.unbind(1)
                embedded = gpt.codes(said[:, None], places[:, None])
                return gpt(embedded, cache, Span.rows_at(columns, stop))

            self.space.steps[stop] = graphs.recorded(all_rows, given, self.space.pool)
        return self.space.steps[stop](given)[: len(self.sequences)].clone()

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
