"""The flow of F5 and E2 in MLX: what torch is spared is the stack that is asked at every step.

Shapes: R rows, B of them without guidance, N frames, D width, H heads, K width of a head, M mels.
"""

from __future__ import annotations

from typing import Any, cast

import mlx.core as mx
from mlx import nn as layers
from torch import Tensor, nn

from vivavoce.models.f5.backbone import Context, F5Backbone
from vivavoce.models.f5.dit import DitBlock
from vivavoce.models.f5.layers import EPS, F5Attention, F5FeedForward
from vivavoce.models.f5.unett import Norm, UNetLayer
from vivavoce.runtime.mlx import Convolution, MlxFormat, Product, to_mlx, to_torch
from vivavoce.runtime.rotary import BASE

NEAR_ZERO = 1e-24


def engine(backbone: F5Backbone, form: MlxFormat) -> MlxFlow:
    """Takes over the backbone's blocks, whose torch weights are let go of."""
    flow = MlxFlow(backbone, form)
    for block in cast("Any", backbone.blocks):
        block.attention.forget_weights()
        block.feed_forward = nn.Identity()
    return flow


class MlxFlow:
    """`F5Backbone.forward`. Products in the format's type; what is added up in float32."""

    def __init__(self, backbone: F5Backbone, form: MlxFormat) -> None:
        weight = backbone.input.projection.weight[:, : backbone.config.n_mels]
        self.moving = to_mlx(weight.t())
        self.position = [Convolution(conv) for conv in backbone.input.position]
        self.is_dit = not backbone.extra_frames
        blocks = cast("list[DitBlock | UNetLayer]", list(backbone.blocks))
        self.blocks = [MlxBlock(block, form) for block in blocks]
        self.long_skip = Product(skip, form) if (skip := getattr(backbone, "skip", None)) else None
        self.norm = None if self.is_dit else RootNorm(cast("Any", backbone).norm)
        self.output = Product(backbone.output, MlxFormat())

    def __call__(self, x: Tensor, schedule: list[Tensor], context: Context) -> Tensor:
        """The flow at `x` `[B, N, M]`: `[R, N, M]`."""
        if not context.kept:
            real = context.real
            context.kept["constant"] = to_mlx(context.constant)
            context.kept["real"] = None if real is None else to_mlx(real.float()[..., None])
        h = self._input(to_mlx(x), context.kept["constant"], context.kept["real"])
        times = [to_mlx(entry) for entry in schedule]
        h = self._dit(h, times, context) if self.is_dit else self._unett(h, times[0], context)
        return to_torch(self.output(h))

    def _input(self, x: mx.array, constant: mx.array, real: mx.array | None) -> mx.array:
        h = constant + mx.tile(x @ self.moving, (len(constant) // len(x), 1, 1))
        h = h if real is None else h * real
        near = h
        for conv in self.position:
            near = layers.mish(conv(near))
            near = near if real is None else near * real
        return h + near

    def _dit(self, h: mx.array, times: list[mx.array], context: Context) -> mx.array:
        first = h
        for block, modulation in zip(self.blocks, times, strict=False):
            shift_a, factor_a, gate_a, shift_f, factor_f, gate_f = mx.split(modulation, 6)
            x = mx.fast.layer_norm(h, factor_a, shift_a, EPS)
            h = h + gate_a * block.attention(x, context.lengths)
            x = mx.fast.layer_norm(h, factor_f, shift_f, EPS)
            h = h + gate_f * block.feed_forward(x)
        if self.long_skip is not None:
            h = self.long_skip(mx.concatenate([h, first], -1))
        factor, shift = mx.split(times[-1], 2)
        return mx.fast.layer_norm(h, factor, shift, EPS)

    def _unett(self, h: mx.array, time: mx.array, context: Context) -> mx.array:
        h = mx.concatenate([mx.broadcast_to(time, (len(h), 1, h.shape[2])), h], 1)
        kept: list[mx.array] = []
        for number, block in enumerate(self.blocks):
            if number < len(self.blocks) // 2:
                kept.append(h)
            elif block.skip is not None:
                h = block.skip(mx.concatenate([h, kept.pop()], -1)).astype(mx.float32)
            else:
                h = h + kept.pop()
            h = h + block.attention(block.norms[0](h), context.lengths)
            h = h + block.feed_forward(block.norms[1](h))
        assert self.norm is not None
        return self.norm(h)[:, 1:]


class MlxBlock:
    """The weights of a block of either backbone."""

    def __init__(self, block: DitBlock | UNetLayer, form: MlxFormat) -> None:
        self.attention = MlxAttention(block.attention, form)
        self.feed_forward = MlxFeedForward(block.feed_forward, form)
        names = [n for n in ("attention_norm", "feed_forward_norm") if hasattr(block, n)]
        self.norms = [RootNorm(getattr(block, name)) for name in names]
        self.skip = Product(skip, form) if (skip := getattr(block, "skip", None)) else None


class MlxAttention:
    """`theirs` stays the module whose `rotary_heads` may still be decided."""

    def __init__(self, theirs: F5Attention, form: MlxFormat) -> None:
        self.theirs, self.type = theirs, form.type
        self.query, self.key, self.value = (
            Product(layer, form) for layer in (theirs.query, theirs.key, theirs.value)
        )
        self.output = Product(theirs.output, form)
        both = (theirs.query_norm, theirs.key_norm)
        self.norms = [None if norm is None else to_mlx(norm.weight) for norm in both]

    def __call__(self, x: mx.array, lengths: tuple[int, ...] | None) -> mx.array:
        """`[R, N, D]`; row b attends to its first `lengths[b]` frames."""
        x = x.astype(self.type)
        q, k, v = (self._split(one(x)) for one in (self.query, self.key, self.value))
        q, k = (self._placed(t, norm) for t, norm in zip((q, k), self.norms, strict=True))
        if lengths is None:
            heard = self._attend(q, k, v)
        else:
            rows = [self._attend(q[b : b + 1, :, :n], k[b : b + 1, :, :n], v[b : b + 1, :, :n])
                    for b, n in enumerate(lengths)]  # fmt: skip
            heard = mx.concatenate([self._padded(row, q.shape[2]) for row in rows])
        heard = heard.transpose(0, 2, 1, 3).reshape(*x.shape[:2], -1)
        return self.output(heard).astype(mx.float32)

    def _split(self, x: mx.array) -> mx.array:
        return x.reshape(*x.shape[:2], self.theirs.heads, -1).transpose(0, 2, 1, 3)

    def _placed(self, x: mx.array, norm: mx.array | None) -> mx.array:
        """Turned by its place, `[R, H, N, K]`."""
        x = x.astype(mx.float32)
        x = x if norm is None else mx.fast.rms_norm(x, norm, EPS)
        n = self.theirs.rotary_heads
        turned = mx.fast.rope(
            x[:, :n], x.shape[3], traditional=True, base=BASE, scale=1.0, offset=0
        )
        turned = turned if n == self.theirs.heads else mx.concatenate([turned, x[:, n:]], 1)
        return turned.astype(self.type)

    def _attend(self, q: mx.array, k: mx.array, v: mx.array) -> mx.array:
        return mx.fast.scaled_dot_product_attention(q, k, v, scale=self.theirs.scale)

    @staticmethod
    def _padded(row: mx.array, n_frames: int) -> mx.array:
        return mx.pad(row, [(0, 0), (0, 0), (0, n_frames - row.shape[2]), (0, 0)])


class MlxFeedForward:
    def __init__(self, theirs: F5FeedForward, form: MlxFormat) -> None:
        self.type = form.type
        self.expand, self.contract = Product(theirs.expand, form), Product(theirs.contract, form)

    def __call__(self, x: mx.array) -> mx.array:
        wide = layers.gelu_approx(self.expand(x.astype(self.type)))
        return self.contract(wide).astype(mx.float32)


class RootNorm:
    """To length sqrt(D) times a weight per channel."""

    def __init__(self, theirs: Norm) -> None:
        self.weight = to_mlx(theirs.weight)

    def __call__(self, x: mx.array) -> mx.array:
        return mx.fast.rms_norm(x, self.weight, NEAR_ZERO)
