"""Neural HMM and OverFlow, whole: tokens -> states -> frames -> features.

Mehta et al., arXiv:2108.13320 and arXiv:2211.06892. A left-to-right HMM without skips: it cannot
lose or repeat text. Shapes: B rows, N states, E width of a state, M bands, T frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.models.base import Sentence, Traits, require_tokens
from vivavoce.models.overflow.config import HmmConfig, HmmOptions
from vivavoce.models.spoken import CoquiSpoken
from vivavoce.models.stepwise import (
    FrameSequence,
    StepwiseModel,
    most_steps,
    steps_at_once,
)
from vivavoce.nn.glow_decoder import GlowDecoder
from vivavoce.nn.noise import Noise
from vivavoce.nn.recurrent import DropoutPrenet, FusedLSTMCell, TokenEncoder
from vivavoce.nn.rows import State
from vivavoce.runtime.arithmetic import Arithmetic

MAX_TOKENS = 1000


@dataclass(eq=False)
class HmmSequence(FrameSequence[HmmOptions]):
    """A sentence and its number of states, which all have to be passed."""

    n_states: int = 0

    def take(self, frame: Tensor, state: float) -> None:
        """A frame `[M]`, and the state that the next one is drawn from."""
        if self.done:
            return
        self.frames.append(frame[:, None])
        self.steps += 1
        self.stopped = state >= self.n_states


class NeuralHmm(CoquiSpoken[HmmOptions, HmmConfig], StepwiseModel[HmmOptions]):
    """`mean` and `std` are those of the training data's mel."""

    family = "overflow"
    options_type = HmmOptions
    config_type = HmmConfig
    traits = Traits(emits_parts=True, int8=True, stream_frames=64)
    mean: Tensor
    std: Tensor
    first: Tensor

    def make(self, c: HmmConfig) -> None:
        self.encoder = TokenEncoder(c.n_tokens, c.width, c.width * c.states)
        self.prenet = DropoutPrenet(c.n_mels * c.order, c.prenet, c.prenet_bias)
        self.memory = FusedLSTMCell(c.prenet[-1], c.memory)
        widths = pairwise((c.memory + c.width, *c.outputs))
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in widths)
        self.output = nn.Linear(c.outputs[-1], 2 * c.n_mels + 1)
        self.flow = None if c.flow is None else GlowDecoder(c.flow)
        self.register_buffer("first", torch.zeros(c.order, 1))
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("std", torch.ones(()))

    @property
    def device(self) -> torch.device:
        return self.mean.device

    def begin(self, sentence: Sentence[HmmOptions], noise: Noise, attempt: int = 0) -> HmmSequence:
        """Raises TextError for a sentence without tokens or with too many."""
        require_tokens(sentence, MAX_TOKENS)
        start = self.start(torch.tensor([sentence.tokens.ids], device=self.device))
        for name, value in (
            ("temperature", sentence.options.temperature),
            ("threshold", sentence.options.duration_threshold),
        ):
            start[name] = self.mean.new_full((1, 1), value)
        limit, n_states = most_steps(sentence, self.spec), start["states"].shape[1]
        halo = 0 if self.flow is None else None
        return HmmSequence(
            sentence, noise, start, limit, self.spec, self.finish, halo, n_states=n_states
        )

    def start(self, ids: Tensor) -> State:
        """The state before the first frame of one text `[1, L]`; `states` is `[1, N, E]`."""
        c = self.config
        states = self.encoder(ids).reshape(1, -1, c.width)
        nothing = states.new_zeros(1, c.memory)
        return {
            "states": states,
            "length": states.new_full((1, 1), states.shape[1]),
            "place": states.new_zeros(1, 1),
            "stayed": states.new_ones(1, 1),
            "hidden": nothing,
            "cell": nothing,
            "last": self.first.expand(c.order, c.n_mels).reshape(1, -1),
        }

    def advance(self, rows: Sequence[FrameSequence[HmmOptions]], state: State) -> State:
        frames, places = [], []
        for _ in range(steps_at_once(self.device)):
            frame, state = self.step(state, rows)
            frames.append(frame)
            places.append(state["place"][:, 0])
        for made, reached in zip(frames, torch.stack(places).tolist(), strict=True):
            for row, own, place in zip(rows, made, reached, strict=True):
                assert isinstance(row, HmmSequence)
                row.take(own, place)
        return state

    def step(self, state: State, rows: Sequence[FrameSequence[HmmOptions]]) -> tuple[Tensor, State]:
        """One frame `[B, M]`: drawn in the order prenet's masks, frame, transition."""
        c, noises = self.config, [row.noise for row in rows]
        keep = [self._drawn(noises, w) for w in c.prenet] if c.dropout_at_inference else []
        keep = [(draw < 0.5) * 2.0 for draw in keep]
        before = (state["hidden"], state["cell"])
        hidden, cell = self.memory([self.prenet(state["last"], keep)], before)
        place = torch.minimum(state["place"], state["length"] - 1).long()
        own = state["states"].take_along_dim(place.unsqueeze(-1), 1).squeeze(1)
        x = torch.cat([hidden, own], -1)
        for layer in self.hidden:
            x = layer(x).relu()
        mean, spread, move = self.output(x).split([c.n_mels, c.n_mels, 1], -1)
        deviation = F.softplus(spread).clamp_min(c.std_floor) * state["temperature"]
        frame = mean + deviation * self._normal(rows)
        stay = (-move).sigmoid()
        stayed = state["stayed"] * stay
        moves = self._drawn(noises, 1) >= stay if c.sampled_moves else stayed < state["threshold"]
        return frame, state | {
            "hidden": hidden,
            "cell": cell,
            "last": torch.cat([state["last"], frame], -1)[:, c.n_mels :],
            "stayed": torch.where(moves, 1.0, stayed),
            "place": state["place"] + moves,
        }

    def finish(self, frames: Tensor) -> Tensor:
        """Frames of the HMM `[1, M, T]` to features. A flow leaves out an odd frame at the end."""
        if self.flow is not None:
            frames = self.flow.reverse(frames, None, None)
        return frames * self.std + self.mean

    def freeze(self, arithmetic: Arithmetic | None = None) -> Self:
        """Evaluation mode, inverse maps computed once, the memory's weights as in `arithmetic`."""
        super().freeze()
        self.memory.freeze(arithmetic or Arithmetic())
        if self.flow is not None:
            self.flow.freeze()
        return self

    def _normal(self, rows: Sequence[FrameSequence[HmmOptions]]) -> Tensor:
        """Normal numbers `[B, M]`; a row without a temperature draws none, whatever others do."""
        drawn = torch.zeros(len(rows), self.config.n_mels)
        for number, row in enumerate(rows):
            if row.sentence.options.temperature > 0:
                drawn[number] = row.noise.normal([1], self.config.n_mels)[0, :, 0]
        return drawn.to(self.device)

    def _drawn(self, noises: Sequence[Noise], count: int) -> Tensor:
        """Uniform numbers `[B, count]`, those of a row from its own noise."""
        return torch.stack([noise.uniform(0, count) for noise in noises]).to(self.device)
