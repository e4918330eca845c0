"""A step of Tacotron's decoder: the last frame in, `r_init` frames and a stop logit out.

Shapes: B rows, M bands, E memory, W width of a recurrent state.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vivavoce.models.tacotron2.attention import ATTENTIONS
from vivavoce.models.tacotron2.config import TacotronConfig
from vivavoce.nn.recurrent import ConvStack, DropoutPrenet, FusedLSTMCell
from vivavoce.nn.rows import State

Step = tuple[Tensor, Tensor, State]
"""Frames `[B, r_init M]`, stop logits `[B, 1]`, the state behind the step."""


class LSTMDecoder(nn.Module):
    """Generation 2 (Shen et al., arXiv:1712.05884, section 2.2).

    The stop is read from all `r_init` frames, also those that are not used.
    """

    def __init__(self, config: TacotronConfig) -> None:
        super().__init__()
        self.config = c = config
        memory, frames = c.memory_width, c.n_mels * c.r_init
        self.prenet = DropoutPrenet(c.n_mels, c.prenet, c.prenet_bias)
        self.attention_rnn = FusedLSTMCell(c.prenet[-1] + memory, c.query)
        self.attention = ATTENTIONS[c.attention.kind](c.attention, c.query, memory)
        self.decoder_rnn = FusedLSTMCell(c.query + memory, c.hidden)
        self.frames = nn.Linear(c.hidden + memory, frames)
        self.stop = nn.Linear(c.hidden + frames, 1)

    def start(self, memory: Tensor) -> State:
        """The state before the first step of one row, memory `[1, L, E]`."""
        c = self.config
        states = {"query": c.query, "cell": c.query, "hidden": c.hidden, "hidden_cell": c.hidden}
        widths = states | {"context": c.memory_width, "last": c.n_mels}
        nothing = {name: memory.new_zeros(1, width) for name, width in widths.items()}
        mask = memory.new_ones(memory.shape[:2], dtype=torch.bool)
        return nothing | {"memory": memory, "mask": mask} | self.attention.start(memory)

    def forward(self, state: State, keep: Sequence[Tensor] = ()) -> Step:
        """`keep`: masks of the prenet's dropout, `[B, W]` each."""
        c = self.config
        seen = self.prenet(state["last"], keep), state["context"]
        query, cell = self.attention_rnn(seen, (state["query"], state["cell"]))
        context, new = self.attention(query, state)
        before = state["hidden"], state["hidden_cell"]
        hidden, hidden_cell = self.decoder_rnn((query, context), before)
        frames = self.frames(torch.cat([hidden, context], -1))
        stop = self.stop(torch.cat([hidden, frames], -1))
        last = frames[:, c.n_mels * (c.r - 1) : c.n_mels * c.r]
        new |= {"query": query, "cell": cell, "context": context, "last": last}
        return frames, stop, new | {"hidden": hidden, "hidden_cell": hidden_cell}


class GRUDecoder(nn.Module):
    """Generation 1 (Wang et al., arXiv:1703.10135, section 3.3); `memory` frames are fed back."""

    def __init__(self, config: TacotronConfig) -> None:
        super().__init__()
        self.config = c = config
        memory, frames = c.memory_width, c.n_mels * c.r_init
        self.prenet = DropoutPrenet(c.n_mels * max(1, c.memory), c.prenet)
        self.attention_rnn = nn.GRUCell(memory + c.prenet[-1], c.query)
        self.attention = ATTENTIONS[c.attention.kind](c.attention, c.query, memory)
        self.inwards = nn.Linear(c.query + memory, c.hidden)
        self.recurrent = nn.ModuleList(nn.GRUCell(c.hidden, c.hidden) for _ in range(2))
        self.frames = nn.Linear(c.hidden, frames)
        self.stop = nn.Linear(c.hidden + frames, 1)

    def start(self, memory: Tensor) -> State:
        c = self.config
        widths = {"query": c.query, "hidden_0": c.hidden, "hidden_1": c.hidden}
        widths |= {"context": c.memory_width, "last": c.n_mels * max(1, c.memory)}
        nothing = {name: memory.new_zeros(1, width) for name, width in widths.items()}
        mask = memory.new_ones(memory.shape[:2], dtype=torch.bool)
        return nothing | {"memory": memory, "mask": mask} | self.attention.start(memory)

    def forward(self, state: State, keep: Sequence[Tensor] = ()) -> Step:
        seen = torch.cat([self.prenet(state["last"], keep), state["context"]], -1)
        query = self.attention_rnn(seen, state["query"])
        context, new = self.attention(query, state)
        x = self.inwards(torch.cat([query, context], -1))
        for number, cell in enumerate(self.recurrent):
            new[f"hidden_{number}"] = cell(x, state[f"hidden_{number}"])
            x = x + new[f"hidden_{number}"]
        frames = self.frames(x)
        stop = self.stop(torch.cat([x, frames], -1))
        new |= {"query": query, "context": context, "last": self._fed_back(frames, state["last"])}
        return frames, stop, new

    def _fed_back(self, frames: Tensor, last: Tensor) -> Tensor:
        """The newest block of frames stands in front of the queue."""
        c = self.config
        made = frames[:, : c.n_mels * c.r]
        if not c.memory:
            return made[:, c.n_mels * (c.r - 1) :]
        return torch.cat([made, last], -1)[:, : c.n_mels * c.memory]


class ResidualPostnet(nn.Module):
    """Five convolutions whose sum with the mel is the mel (section 2.2 of generation 2)."""

    def __init__(self, n_mels: int, width: int) -> None:
        super().__init__()
        self.stack = ConvStack([n_mels, *[width] * 4, n_mels], linear_end=True)

    @property
    def halo(self) -> int:
        return self.stack.halo

    def forward(self, mel: Tensor) -> Tensor:
        """`[B, M, T]` to the same."""
        return mel + self.stack(mel)
