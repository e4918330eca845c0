"""What both backbones are made of: time, text and input embeddings, rotation, attention.

Shapes: B rows, N frames, D width, H heads, M mels, L tokens.
Tables are made on the CPU in float32, as in training, and moved.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.models.f5.config import F5Config
from vivavoce.runtime import full_precision
from vivavoce.runtime.arithmetic import Arithmetic, linear_gelu, portable
from vivavoce.runtime.attention import RowLengths, attention
from vivavoce.runtime.rotary import BASE, rotary_table, rotated

TIME_WIDTH = 256
TEXT_KERNEL = 7
POSITION_KERNEL = 31
POSITION_GROUPS = 16
EPS = 1e-6


class TimeEmbedding(nn.Module):
    """A point of the flow, 0 noise to 1 speech, as a vector; always in float32."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.expand = nn.Linear(TIME_WIDTH, dim)
        self.contract = nn.Linear(dim, dim)

    def forward(self, times: Tensor) -> Tensor:
        """`[S]` to `[S, D]`."""
        half = TIME_WIDTH // 2
        frequencies = torch.exp(torch.arange(half).float() * -(math.log(BASE) / (half - 1)))
        with full_precision(times):
            angles = 1000.0 * times.float().unsqueeze(1) * frequencies.to(times.device)
            waves = torch.cat([angles.sin(), angles.cos()], dim=1)
            return self.contract(F.silu(self.expand(waves)))


class GlobalResponseNorm(nn.Module):
    """Channels compete by their energy over the whole of time (arXiv:2301.00808, 3.3)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(width))
        self.beta = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        """`[B, N, C]`, every row as long as it really is: padding would take part."""
        energy = torch.linalg.vector_norm(x, dim=1, keepdim=True)
        relative = energy / (energy.mean(dim=-1, keepdim=True) + EPS)
        return torch.addcmul(x + self.beta, x * relative, self.gamma)


class TextBlock(nn.Module):
    """ConvNeXt V2 over frames."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(dim, dim, TEXT_KERNEL, padding=TEXT_KERNEL // 2, groups=dim)
        self.norm = nn.LayerNorm(dim, eps=EPS)
        self.expand = nn.Linear(dim, 2 * dim)
        self.response = GlobalResponseNorm(2 * dim)
        self.contract = nn.Linear(2 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, N, D]`."""
        y = self.norm(self.depthwise(x.transpose(1, 2)).transpose(1, 2))
        return x + self.contract(self.response(F.gelu(self.expand(y))))


class TextEmbedding(nn.Module):
    """Tokens, one per frame from the first on and filler after them, as vectors per frame."""

    def __init__(self, config: F5Config) -> None:
        super().__init__()
        self.mask_text, self.stretch = config.mask_text, config.stretch_text
        self.embedding = nn.Embedding(config.n_tokens + 1, config.text_dim)
        self.blocks = nn.ModuleList(TextBlock(config.text_dim) for _ in range(config.text_layers))

    def forward(self, ids: Tensor, n_frames: int, drop: bool = False) -> Tensor:
        """Ids `[L]` to `[N, text_dim]`. `drop` forgets which tokens, not how many there are.

        One utterance at its own length: the energies in `GlobalResponseNorm` are sums over time.
        """
        ids = F.pad(ids[:n_frames] + 1, (0, max(0, n_frames - len(ids)))).unsqueeze(0)
        real = (ids != 0).unsqueeze(-1)
        x = self.embedding(torch.zeros_like(ids) if drop else ids)
        if self.blocks:
            places = rotary_table(n_frames, x.shape[-1], x.device)
            x = x + torch.cat(places.unbind(-1), dim=1)
            x = self._masked(x, real)
            for block in self.blocks:
                x = self._masked(block(x), real)
        return (self._stretched(x, real) if self.stretch else x)[0]

    def _masked(self, x: Tensor, real: Tensor) -> Tensor:
        return x * real if self.mask_text else x

    def _stretched(self, x: Tensor, real: Tensor) -> Tensor:
        """Each token for equally many frames; the last ones take what is left over."""
        n_frames, n_tokens = x.shape[1], int(real.sum())
        if not n_tokens:
            return torch.zeros_like(x)
        every, left = divmod(n_frames, n_tokens)
        repeats = torch.full((n_tokens,), every)
        repeats[n_tokens - left :] += 1
        index = torch.repeat_interleave(torch.arange(n_tokens), repeats).to(x.device)
        return x[:, :n_tokens][:, index]


class InputEmbedding(nn.Module):
    """Noisy mel, reference mel and text, joined frame by frame, with their neighbourhood."""

    def __init__(self, config: F5Config) -> None:
        super().__init__()
        self.n_mels = config.n_mels
        self.projection = nn.Linear(2 * config.n_mels + config.text_dim, config.dim)
        self.apart: nn.ModuleList | None = None  # once frozen
        self.position = nn.ModuleList(
            nn.Conv1d(
                config.dim,
                config.dim,
                POSITION_KERNEL,
                padding=POSITION_KERNEL // 2,
                groups=POSITION_GROUPS,
            )
            for _ in range(2)
        )

    def constant(self, reference: Tensor, text: Tensor) -> Tensor:
        """What stays along a trajectory: `[B, N, M]` and `[B, N, text_dim]` to `[B, N, D]`."""
        known = torch.cat([reference, text], dim=-1)
        if self.apart is not None:
            return self.apart[1](known)
        return F.linear(known, self.projection.weight[:, self.n_mels :], self.projection.bias)

    def forward(self, x: Tensor, constant: Tensor, real: Tensor | None) -> Tensor:
        """`x` `[B, N, M]`, which may have fewer rows than `constant`: they are then repeated."""
        if self.apart is not None:
            moving = self.apart[0](x)
        else:
            moving = F.linear(x, self.projection.weight[:, : self.n_mels])
        h = constant + moving.repeat(len(constant) // len(x), 1, 1)
        h = h if real is None else h * real.unsqueeze(-1)
        near = h.transpose(1, 2).to(next(self.position.parameters()).dtype)
        for conv in self.position:
            near = F.mish(conv(near))
            near = near if real is None else near * real.unsqueeze(1)
        return h + near.transpose(1, 2)

    def freeze(self, arithmetic: Arithmetic) -> None:
        """The projection as two layers, because a slice of its weight does not lie together.

        For such weights Apple's kernel gave wrong numbers (pytorch issue 162730).
        """
        self.position.to(arithmetic.dtype)
        moving, known = self.projection.weight.detach().split(
            [self.n_mels, self.projection.in_features - self.n_mels], dim=1
        )
        biases = None, self.projection.bias
        self.apart = nn.ModuleList(
            portable(plain_linear(weight.contiguous(), bias))
            for weight, bias in zip((moving, known), biases, strict=True)
        )
        del self.projection


class F5Attention(nn.Module):
    """Every frame looks at every frame of its own row; the first `rotary_heads` are rotated."""

    def __init__(self, config: F5Config) -> None:
        super().__init__()
        self.heads, self.scale = config.heads, config.head_dim**-0.5
        self.rotary_heads = min(config.rotary_heads or config.heads, config.heads)
        inner = config.heads * config.head_dim
        self.query, self.key, self.value = (nn.Linear(config.dim, inner) for _ in range(3))
        self.output = nn.Linear(inner, config.dim)
        self.query_norm = nn.RMSNorm(config.head_dim, EPS) if config.qk_norm else None
        self.key_norm = nn.RMSNorm(config.head_dim, EPS) if config.qk_norm else None
        self.joint: nn.Module | None = None
        self.separate = False
        self.dropout = 0.0  # of what comes out, in training

    def forward(self, x: Tensor, rotary: Tensor, rows: RowLengths | None) -> Tensor:
        """`[B, N, D]`; `rows` only where they differ in length."""
        n_rows, n_frames, _ = x.shape
        q, k, v = (t.view(n_rows, n_frames, self.heads, -1) for t in self._projected(x))
        if self.query_norm is not None and self.key_norm is not None:
            q, k = self.query_norm(q.float()), self.key_norm(k.float())
        if self.joint is None:
            q = q * self.scale
        q, k = (self._turned(t, rotary).to(x.dtype) for t in (q, k))
        q, k, v = (t.transpose(1, 2) for t in (q, k, v))
        out = attention(q, k, v, rows, self.separate)
        out = self.output(out.transpose(1, 2).reshape(n_rows, n_frames, -1))
        return F.dropout(out, self.dropout, self.training)

    def _turned(self, x: Tensor, rotary: Tensor) -> Tensor:
        """`[B, N, H, K]` in float32."""
        if self.rotary_heads == self.heads:
            return rotated(x, rotary)
        first, rest = x.split([self.rotary_heads, self.heads - self.rotary_heads], dim=2)
        return torch.cat([rotated(first, rotary), rest.float()], dim=2)

    def _projected(self, x: Tensor) -> tuple[Tensor, ...]:
        """Queries, keys and values, each `[B, N, H K]`; not joined where gradients are kept."""
        if self.joint is not None:
            return self.joint(x).chunk(3, dim=-1)
        return self.query(x), self.key(x), self.value(x)

    def forget_weights(self) -> None:
        """Let go of the products: an engine has them now."""
        del self.query, self.key, self.value, self.output

    def freeze(self, arithmetic: Arithmetic) -> None:
        """One product instead of three, queries scaled by it. The single layers are let go of."""
        query: nn.Linear | nn.RMSNorm = self.query_norm or self.query
        for parameter in query.parameters():
            parameter.data = parameter.data * self.scale
        layers = (self.query, self.key, self.value)
        joint = joined([m.weight for m in layers], [m.bias for m in layers])
        del self.query, self.key, self.value
        self.joint, self.separate = arithmetic.linear(joint), arithmetic.separate
        self.output = arithmetic.linear(self.output)


def joined(weights: list[Tensor], biases: list[Tensor]) -> nn.Linear:
    """Layers with one input as one layer."""
    return plain_linear(torch.cat([w.detach() for w in weights]), torch.cat(biases))


def plain_linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    """A frozen layer of these very tensors."""
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, device="meta")
    layer.weight = nn.Parameter(weight, requires_grad=False)
    if bias is not None:
        layer.bias = nn.Parameter(bias.detach(), requires_grad=False)
    return layer


class F5FeedForward(nn.Module):
    def __init__(self, dim: int, mult: int) -> None:
        super().__init__()
        self.expand = nn.Linear(dim, dim * mult)
        self.contract = nn.Linear(dim * mult, dim)
        self.dropout = 0.0  # of the activations, in training

    def forward(self, x: Tensor) -> Tensor:
        """`[B, N, D]`."""
        wide = F.dropout(linear_gelu(self.expand, x), self.dropout, self.training)
        return self.contract(wide)

    def freeze(self, arithmetic: Arithmetic) -> None:
        self.expand = arithmetic.linear(self.expand)
        self.contract = arithmetic.linear(self.contract)
