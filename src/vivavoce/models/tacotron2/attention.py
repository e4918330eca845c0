"""What of the text a frame is about: the three attentions of published Tacotrons.

Each keeps its own state per row in a dictionary. Padding has the weight 0, so that a row does not
depend on its neighbours. Shapes: B rows, L tokens, E memory, A attention width, Q query.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.models.tacotron2.config import AttentionConfig
from vivavoce.nn.rows import State

Attended = tuple[Tensor, State]
"""The context `[B, E]`, and the state behind it, of which `weights` `[B, L]` are the attention."""


class LocationAttention(nn.Module):
    """Additive attention with features of earlier weights (Chorowski et al., arXiv:1506.07503).

    Forward attention is Zhang et al., arXiv:1807.06736, section 3; its mask and the window are
    Coqui's.
    """

    def __init__(self, config: AttentionConfig, query: int, memory: int) -> None:
        super().__init__()
        self.config = c = config
        self.query = nn.Linear(query, c.width, bias=False)
        self.memory = nn.Linear(memory, c.width, bias=False)
        self.v = nn.Linear(c.width, 1)
        if c.location:
            padding = c.kernel // 2
            self.location_conv = nn.Conv1d(2, c.filters, c.kernel, padding=padding, bias=False)
            self.location = nn.Linear(c.filters, c.width, bias=False)
        if c.agent:
            self.agent = nn.Linear(query + memory, 1)

    def start(self, memory: Tensor) -> State:
        nothing = memory.new_zeros(memory.shape[:2])
        state = {"keys": self.memory(memory), "weights": nothing}
        if self.config.location:
            state["cumulative"] = nothing
        if self.config.forward_attention:
            state["alpha"] = torch.full_like(nothing, 1e-7)
            state["alpha"][:, 0] = 1
            state["agent"] = memory.new_full((1, 1), 0.5)
        if self.config.window:
            state["window"] = memory.new_full((1, 1), -1)
        return state

    def forward(self, query: Tensor, state: State) -> Attended:
        c, new = self.config, dict(state)
        energies = self._energies(query, state)
        if c.window:
            energies, new["window"] = self._windowed(energies, state["window"])
        if c.norm == "softmax":
            weights = energies.softmax(-1)
        else:
            weights = energies.sigmoid()
            weights = weights / weights.sum(1, keepdim=True)
        if c.location:
            new["cumulative"] = state["cumulative"] + weights  # before forward attention
        if c.forward_attention:
            weights = new["alpha"] = self._moved_forward(weights, state)
        new["weights"] = weights
        context = torch.bmm(weights.unsqueeze(1), state["memory"]).squeeze(1)
        if c.forward_attention and c.agent:
            new["agent"] = self.agent(torch.cat([context, query], -1)).sigmoid()
        return context, new

    def _energies(self, query: Tensor, state: State) -> Tensor:
        seen = self.query(query).unsqueeze(1) + state["keys"]
        if self.config.location:
            both = torch.stack([state["weights"], state["cumulative"]], 1)
            seen = seen + self.location(self.location_conv(both).transpose(1, 2))
        energies = self.v(seen.tanh()).squeeze(-1)
        return torch.where(state["mask"], energies, -torch.inf)

    def _windowed(self, energies: Tensor, centre: Tensor) -> tuple[Tensor, Tensor]:
        """Two tokens back, five forward; in the first step the first token is as likely as any."""
        place = torch.arange(energies.shape[1], device=energies.device)
        outside = (place < centre - 2) | (place >= centre + 6)
        energies = energies.masked_fill(outside, -torch.inf)
        first = (centre < 0) & (place == 0)
        energies = torch.where(first, energies.amax(1, keepdim=True), energies)
        return energies, energies.argmax(1, keepdim=True).to(centre.dtype)

    def _moved_forward(self, weights: Tensor, state: State) -> Tensor:
        alpha, agent = state["alpha"], state["agent"]
        shifted = F.pad(alpha[:, :-1], (1, 0)) * state["mask"]
        new = ((1 - agent) * alpha + agent * shifted + 1e-8) * weights
        if self.config.forward_mask:
            length = state["mask"].sum(1, keepdim=True)
            place = torch.arange(new.shape[1], device=new.device)
            n = shifted.argmax(1, keepdim=True)
            # The reference slices with n - 1 and n - 2, which count from the end when negative.
            first = (n - 1).remainder(length)
            kept = new * ((place < n + 3) & (place >= first))
            behind = (n - 2).remainder(length)
            new = torch.where(place == behind, 0.01 * new.amax(1, keepdim=True), kept)
        return new / new.sum(1, keepdim=True)


class DynamicAttention(nn.Module):
    """Dynamic convolution attention (Battenberg et al., arXiv:1910.10288, section 2.4).

    The prior lets the attention move forward only, by 10 tokens at most.
    """

    prior: Tensor
    FILTERS, KERNEL, PRIOR = 8, 21, 11

    def __init__(self, config: AttentionConfig, query: int, memory: int) -> None:
        super().__init__()
        width, filters, kernel = config.width, self.FILTERS, self.KERNEL
        self.query = nn.Linear(query, width)
        self.key = nn.Linear(width, filters * kernel, bias=False)
        self.static_conv = nn.Conv1d(1, filters, kernel, padding=kernel // 2, bias=False)
        self.static = nn.Linear(filters, width, bias=False)
        self.dynamic = nn.Linear(filters, width)
        self.v = nn.Linear(width, 1, bias=False)
        self.register_buffer("prior", torch.zeros(self.PRIOR))

    def start(self, memory: Tensor) -> State:
        weights = memory.new_zeros(memory.shape[:2])
        weights[:, 0] = 1
        return {"weights": weights}

    def forward(self, query: Tensor, state: State) -> Attended:
        earlier = state["weights"]
        prior = F.conv1d(F.pad(earlier, (self.PRIOR - 1, 0))[:, None], self.prior.view(1, 1, -1))
        filters = self.key(self.query(query).tanh()).unflatten(1, (self.FILTERS, self.KERNEL))
        half = self.KERNEL // 2
        around = F.pad(earlier, (half, half)).unfold(1, self.KERNEL, 1)
        dynamic = self.dynamic(around @ filters.transpose(1, 2))
        static = self.static(self.static_conv(earlier[:, None]).transpose(1, 2))
        energies = self.v((static + dynamic).tanh()).squeeze(-1)
        energies = energies + prior.squeeze(1).clamp_min(1e-6).log()
        weights = torch.where(state["mask"], energies, -torch.inf).softmax(-1)
        context = torch.bmm(weights.unsqueeze(1), state["memory"]).squeeze(1)
        return context, state | {"weights": weights}


class GravesAttention(nn.Module):
    """A mixture whose means only grow (Graves, arXiv:1308.0850, section 5.1), Coqui's variant.

    Its weights are differences of 1 / (1 + sigmoid), where the paper has densities.
    """

    def __init__(self, config: AttentionConfig, query: int, memory: int) -> None:
        super().__init__()
        self.heads = config.heads
        self.hidden = nn.Linear(query, query)
        self.parameters_of = nn.Linear(query, 3 * config.heads)

    def start(self, memory: Tensor) -> State:
        return {
            "weights": memory.new_zeros(memory.shape[:2]),
            "means": memory.new_zeros(1, self.heads),
        }

    def forward(self, query: Tensor, state: State) -> Attended:
        found = self.parameters_of(self.hidden(query).relu())
        gain, width, step = found.unflatten(1, (3, self.heads)).unbind(1)
        means = state["means"] + F.softplus(step)
        width, gain = F.softplus(width) + 1e-5, gain.softmax(-1) + 1e-5
        edges = torch.arange(state["weights"].shape[1] + 1, device=query.device) + 0.5
        passed = ((means.unsqueeze(-1) - edges) / width.unsqueeze(-1)).sigmoid()
        total = (gain.unsqueeze(-1) / (1 + passed)).sum(1)
        weights = total.diff(dim=1)
        weights = torch.where(weights == 0, 1e-8, weights) * state["mask"]
        context = torch.bmm(weights.unsqueeze(1), state["memory"]).squeeze(1)
        return context, state | {"weights": weights, "means": means}


ATTENTIONS: dict[str, type[LocationAttention | DynamicAttention | GravesAttention]] = {
    "location": LocationAttention,
    "dynamic": DynamicAttention,
    "graves": GravesAttention,
}
