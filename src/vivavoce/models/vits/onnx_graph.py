"""A VITS for one text as an ONNX graph with Piper's inputs, outputs and names of weights.

Built from a model's weights node by node: no tracer, so no version of torch decides what comes
out. Shapes: T symbols, F frames, C channels, H heads; the batch is 1 throughout.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from torch import Tensor

from vivavoce.checkpoints.onnx_write import FLOAT, INT64, GraphWriter
from vivavoce.models.vits.config import VitsConfig
from vivavoce.models.vits.spline import EDGE, SMALLEST, TAIL
from vivavoce.vocoders.inner import LAST_SLOPE, SLOPE, DecoderConfig

NORM_EPS = 1e-5


class Builder:
    """Adds the parts of one model to a graph. `theirs` are weights by the publication's names."""

    def __init__(
        self, config: VitsConfig, decoder: DecoderConfig, theirs: Mapping[str, Tensor]
    ) -> None:
        self.config, self.decoder_config, self.theirs = config, decoder, theirs
        self.g = GraphWriter()

    def build(self) -> GraphWriter:
        """Inputs `input`, `input_lengths`, `scales` (noise, length, noise of durations), and `sid`
        for a model with speakers; output `output`, samples as `[1, 1, 1, S]`.
        """
        g, c = self.g, self.config
        ids = g.input("input", INT64, (1, "phonemes"))
        g.input("input_lengths", INT64, (1,))
        scales = g.input("scales", FLOAT, (3,))
        noise, length, rhythm = (g.op("Gather", scales, g.constant(n), axis=0) for n in range(3))
        speaker = self._speaker(g.input("sid", INT64, (1,))) if c.n_speakers else ""
        hidden, mean, log_scale = self._text(ids)
        log_durations = self._durations(hidden, speaker, rhythm)
        columns = self._columns(log_durations, length)
        prior = g.op("Gather", mean, columns, axis=2)
        drawn = g.op("RandomNormalLike", prior, out="/RandomNormalLike_output_0")
        spread = g.op("Mul", g.op("Gather", g.op("Exp", log_scale), columns, axis=2), noise)
        latents = self._flow(g.op("Add", prior, g.op("Mul", drawn, spread)), speaker)
        samples = self._decoder(latents, speaker)
        g.op("Unsqueeze", samples, g.constant([1]), out="output")
        g.output("output", FLOAT, (1, 1, 1, "samples"))
        return g

    # The pieces that all parts are made of.

    def _weight(self, name: str) -> str:
        return self.g.weight(name, self.theirs[name])

    def _conv(
        self,
        x: str,
        name: str,
        dilation: int = 1,
        groups: int = 1,
    ) -> str:
        """A convolution that keeps the length, with the bias that it has."""
        kernel = self.theirs[f"{name}.weight"].shape[2]
        pad = dilation * (kernel - 1) // 2
        inputs = [x, self._weight(f"{name}.weight")]
        if f"{name}.bias" in self.theirs:
            inputs.append(self._weight(f"{name}.bias"))
        return self.g.op(
            "Conv",
            *inputs,
            kernel_shape=[kernel],
            pads=[pad, pad],
            dilations=[dilation],
            strides=[1],
            group=groups,
        )

    def _norm(self, x: str, name: str, eps: float = NORM_EPS) -> str:
        """Over the channels of `[1, C, T]`."""
        rows = self.g.op("Transpose", x, perm=[0, 2, 1])
        scale, bias = self._weight(f"{name}.gamma"), self._weight(f"{name}.beta")
        rows = self.g.op("LayerNormalization", rows, scale, bias, axis=-1, epsilon=eps)
        return self.g.op("Transpose", rows, perm=[0, 2, 1])

    def _halves(self, x: str, axis: int = 1) -> tuple[str, str]:
        first, second = self.g.ops("Split", x, outs=2, axis=axis)
        return first, second

    def _flipped(self, x: str, channels: int) -> str:
        return self.g.op("Gather", x, self.g.constant(list(range(channels))[::-1]), axis=1)

    def _scaled(self, x: str, factor: float) -> str:
        return self.g.op("Mul", x, self.g.constant(float(factor)))

    def _speaker(self, sid: str) -> str:
        """`[1, G, 1]`."""
        row = self.g.op("Gather", self._weight("emb_g.weight"), sid, axis=0)
        return self.g.op("Unsqueeze", row, self.g.constant([2]))

    # Text.

    def _text(self, ids: str) -> tuple[str, str, str]:
        """Hidden states, mean and logarithm of the deviation, per symbol."""
        g, c = self.g, self.config
        x = g.op("Gather", self._weight("enc_p.emb.weight"), ids, axis=0)
        x = g.op("Transpose", self._scaled(x, math.sqrt(c.text_width)), perm=[0, 2, 1])
        band = self._band(g.op("Gather", g.op("Shape", ids), g.constant(1), axis=0))
        for layer in range(c.text_layers):
            at = f"enc_p.encoder.attn_layers.{layer}"
            x = g.op("Add", x, self._attention(x, at, band))
            x = self._norm(x, f"enc_p.encoder.norm_layers_1.{layer}")
            wide = self._conv(x, f"enc_p.encoder.ffn_layers.{layer}.conv_1")
            y = self._conv(g.op("Relu", wide), f"enc_p.encoder.ffn_layers.{layer}.conv_2")
            x = self._norm(g.op("Add", x, y), f"enc_p.encoder.norm_layers_2.{layer}")
        mean, log_scale = self._halves(self._conv(x, "enc_p.proj"))
        return x, mean, log_scale

    def _band(self, count: str) -> tuple[str, str, str, str]:
        """Indices and masks `[1, H, T, T]` and `[1, H, T, 2w+1]` of what is near in the text."""
        g, c = self.g, self.config
        window, heads = c.relative_window, c.text_heads
        steps = g.op("Range", g.constant(0), count, g.constant(1))
        rows = g.op("Unsqueeze", steps, g.constant([1]))
        columns = g.op("Unsqueeze", steps, g.constant([0]))
        away = g.op("Add", g.op("Sub", columns, rows), g.constant(window))
        near = g.op("Add", rows, g.constant(np.arange(-window, window + 1)[None]))
        last = g.op("Sub", count, g.constant(1))
        found = []
        for index, most in ((away, g.constant(2 * window)), (near, last)):
            kept = g.op("Min", g.op("Max", index, g.constant(0)), most)
            inside = g.op("Cast", g.op("Equal", kept, index), to=FLOAT)
            ones = g.constant([1, heads, 1, 1])
            found += [g.op("Expand", kept, ones), inside]
        return found[0], found[1], found[2], found[3]

    def _attention(self, x: str, at: str, band: tuple[str, str, str, str]) -> str:
        g, c = self.g, self.config
        away, away_inside, near, near_inside = band
        heads, width = c.text_heads, c.encoder_width
        shape = g.constant([1, heads, width // heads, -1])
        q, k, v = (g.op("Reshape", self._conv(x, f"{at}.conv_{part}"), shape) for part in "qkv")
        q = g.op("Transpose", self._scaled(q, (width // heads) ** -0.5), perm=[0, 1, 3, 2])
        keys = g.op("Transpose", self._weight(f"{at}.emb_rel_k"), perm=[0, 2, 1])
        close = g.op("GatherElements", g.op("MatMul", q, keys), away, axis=3)
        scores = g.op("Add", g.op("MatMul", q, k), g.op("Mul", close, away_inside))
        p = g.op("Softmax", scores, axis=-1)
        values = g.op("MatMul", p, g.op("Transpose", v, perm=[0, 1, 3, 2]))
        picked = g.op("Mul", g.op("GatherElements", p, near, axis=3), near_inside)
        values = g.op("Add", values, g.op("MatMul", picked, self._weight(f"{at}.emb_rel_v")))
        y = g.op("Transpose", values, perm=[0, 1, 3, 2])
        y = g.op("Reshape", y, g.constant([1, width, -1]))
        return self._conv(y, f"{at}.conv_o")

    # Durations.

    def _durations(self, hidden: str, speaker: str, rhythm: str) -> str:
        """Logarithms of frames per symbol, `[1, 1, T]`."""
        g, c = self.g, self.config
        told = speaker and c.speaker_durations
        if not c.stochastic_durations:
            x = g.op("Add", hidden, self._conv(speaker, "dp.cond")) if told else hidden
            for n in (1, 2):
                x = self._norm(
                    g.op("Relu", self._conv(x, f"dp.conv_{n}")), f"dp.norm_{n}", c.duration_eps
                )
            return self._conv(x, "dp.proj")
        x = self._conv(hidden, "dp.pre")
        if told:
            x = g.op("Add", x, self._conv(speaker, "dp.cond"))
        x = self._conv(self._separable(x, "dp.convs"), "dp.proj")
        two = g.op("Slice", x, g.constant([0]), g.constant([2]), g.constant([1]))
        drawn = g.op("RandomNormalLike", two, out="/dp/RandomNormalLike_output_0")
        pairs = g.op("Mul", drawn, rhythm)
        for number in range(2 * c.duration_flows - 1, 1, -2):
            kept, bent = self._halves(self._flipped(pairs, 2))
            bent = self._spline(kept, bent, x, f"dp.flows.{number}")
            pairs = g.op("Concat", kept, bent, axis=1)
        first, _ = self._halves(self._flipped(pairs, 2))
        shift = g.op("Gather", self._weight("dp.flows.0.m"), g.constant([0]), axis=0)
        logs = g.op("Gather", self._weight("dp.flows.0.logs"), g.constant([0]), axis=0)
        return g.op("Mul", g.op("Sub", first, shift), g.op("Exp", g.op("Neg", logs)))

    def _separable(self, x: str, at: str) -> str:
        g, c = self.g, self.config
        for layer in range(c.duration_layers):
            dilation = c.duration_kernel**layer
            y = self._conv(x, f"{at}.convs_sep.{layer}", dilation, groups=c.duration_width)
            y = self._gelu(self._norm(y, f"{at}.norms_1.{layer}"))
            y = self._norm(self._conv(y, f"{at}.convs_1x1.{layer}"), f"{at}.norms_2.{layer}")
            x = g.op("Add", x, self._gelu(y))
        return x

    def _gelu(self, x: str) -> str:
        g = self.g
        half = self._scaled(x, 0.5)
        above = g.op("Add", g.op("Erf", self._scaled(x, 0.5**0.5)), g.constant(1.0))
        return g.op("Mul", half, above)

    def _spline(self, kept: str, bent: str, hidden: str, at: str) -> str:
        """The inverse of the spline, `[1, 1, T]`; beyond its ends the identity."""
        g, c = self.g, self.config
        x = g.op("Add", self._conv(kept, f"{at}.pre"), hidden)
        logits = self._conv(self._separable(x, f"{at}.convs"), f"{at}.proj")
        rows = g.op("Transpose", logits, perm=[0, 2, 1])
        bins = c.duration_bins
        cut = g.constant([bins, bins, bins - 1])
        widths, heights, slopes = g.ops("Split", rows, cut, outs=3, axis=2)
        y = g.op("Transpose", bent, perm=[0, 2, 1])  # [1, T, 1]
        low, high = g.constant(-TAIL), g.constant(TAIL)
        inside = g.op("And", g.op("GreaterOrEqual", y, low), g.op("LessOrEqual", y, high))
        held = g.op("Clip", y, low, high)
        scale = c.duration_width**-0.5
        knots_x, knots_y = (self._knots(self._scaled(t, scale)) for t in (widths, heights))
        edges = g.constant([0, 0, 1, 0, 0, 1])
        slopes = g.op("Softplus", g.op("Pad", slopes, edges, g.constant(EDGE)))
        slopes = g.op("Add", slopes, g.constant(SMALLEST))
        inner = g.op("Slice", knots_y, g.constant([1]), g.constant([bins]), g.constant([2]))
        passed = g.op("Cast", g.op("GreaterOrEqual", held, inner), to=INT64)
        index = g.op("ReduceSum", passed, g.constant([2]), keepdims=1)
        after = g.op("Add", index, g.constant(1))

        def at_bin(table: str, place: str) -> str:
            return g.op("GatherElements", table, place, axis=2)

        left, bottom = at_bin(knots_x, index), at_bin(knots_y, index)
        width = g.op("Sub", at_bin(knots_x, after), left)
        height = g.op("Sub", at_bin(knots_y, after), bottom)
        first, last = at_bin(slopes, index), at_bin(slopes, after)
        share = self._root(g.op("Sub", held, bottom), width, height, first, last)
        found = g.op("Add", g.op("Mul", share, width), left)
        found = g.op("Where", inside, found, y)
        return g.op("Transpose", found, perm=[0, 2, 1])

    def _root(self, up: str, width: str, height: str, first: str, last: str) -> str:
        """How far into its bin a value lies: see `spline._share`."""
        g = self.g
        slope = g.op("Div", height, width)
        bend = g.op("Sub", g.op("Add", first, last), self._scaled(slope, 2.0))
        bent = g.op("Mul", up, bend)
        a = g.op("Add", bent, g.op("Mul", height, g.op("Sub", slope, first)))
        b = g.op("Sub", g.op("Mul", height, first), bent)
        c = g.op("Neg", g.op("Mul", slope, up))
        under = g.op("Sub", g.op("Mul", b, b), self._scaled(g.op("Mul", a, c), 4.0))
        root = g.op("Sqrt", g.op("Max", under, g.constant(0.0)))
        return g.op("Div", self._scaled(c, 2.0), g.op("Neg", g.op("Add", b, root)))

    def _knots(self, logits: str) -> str:
        g, bins = self.g, self.config.duration_bins
        shares = self._scaled(g.op("Softmax", logits, axis=-1), 1 - SMALLEST * bins)
        shares = g.op("Add", shares, g.constant(SMALLEST))
        ends = g.op("CumSum", shares, g.constant(2))
        ends = g.op("Slice", ends, g.constant([0]), g.constant([bins - 1]), g.constant([2]))
        ends = g.op("Sub", self._scaled(ends, 2 * TAIL), g.constant(TAIL))
        ends = g.op("Pad", ends, g.constant([0, 0, 1, 0, 0, 0]), g.constant(-TAIL))
        return g.op("Pad", ends, g.constant([0, 0, 0, 0, 0, 1]), g.constant(TAIL))

    def _columns(self, log_durations: str, length: str) -> str:
        """For every frame the number of its symbol, `[F]`."""
        g = self.g
        frames = g.op("Ceil", g.op("Mul", g.op("Exp", log_durations), length))
        ends = g.op("CumSum", g.op("Reshape", frames, g.constant([-1])), g.constant(0))
        total = g.op("ReduceMax", ends, keepdims=0)
        total = g.op("Cast", g.op("Max", total, g.constant(1.0)), to=INT64)
        steps = g.op("Range", g.constant(0), total, g.constant(1))
        steps = g.op("Cast", g.op("Unsqueeze", steps, g.constant([1])), to=FLOAT)
        passed = g.op("GreaterOrEqual", steps, g.op("Unsqueeze", ends, g.constant([0])))
        return g.op("ReduceSum", g.op("Cast", passed, to=INT64), g.constant([1]), keepdims=0)

    # Latents and samples.

    def _flow(self, z: str, speaker: str) -> str:
        g, c = self.g, self.config
        for number in reversed(range(c.n_couplings)):
            at = f"flow.flows.{2 * number}"
            kept, moved = self._halves(self._flipped(z, c.latent_width))
            hidden = self._wavenet(self._conv(kept, f"{at}.pre"), at, speaker)
            moved = g.op("Sub", moved, self._conv(hidden, f"{at}.post"))
            z = g.op("Concat", kept, moved, axis=1)
        return z

    def _wavenet(self, x: str, at: str, speaker: str) -> str:
        g, c = self.g, self.config
        told = g.ops(
            "Split", self._conv(speaker, f"{at}.enc.cond_layer"), outs=c.flow_layers, axis=1
        ) if speaker else []  # fmt: skip
        skip = ""
        for layer in range(c.flow_layers):
            y = self._conv(x, f"{at}.enc.in_layers.{layer}", c.flow_dilation**layer)
            y = g.op("Add", y, told[layer]) if told else y
            bent, gate = self._halves(y)
            gated = g.op("Mul", g.op("Tanh", bent), g.op("Sigmoid", gate))
            y = self._conv(gated, f"{at}.enc.res_skip_layers.{layer}")
            if layer < c.flow_layers - 1:
                step, y = self._halves(y)
                x = g.op("Add", x, step)
            skip = g.op("Add", skip, y) if skip else y
        return skip

    def _decoder(self, z: str, speaker: str) -> str:
        """`[1, 1, S]`."""
        g, d = self.g, self.decoder_config
        x = self._conv(z, "dec.conv_pre")
        if speaker:
            x = g.op("Add", x, self._conv(speaker, "dec.cond"))
        blocks = len(d.block_kernels)
        for stage, (rate, kernel) in enumerate(zip(d.rates, d.kernels, strict=True)):
            pad = (kernel - rate) // 2
            name = f"dec.ups.{stage}"
            x = g.op(
                "ConvTranspose",
                g.op("LeakyRelu", x, alpha=SLOPE),
                self._weight(f"{name}.weight"),
                self._weight(f"{name}.bias"),
                kernel_shape=[kernel],
                strides=[rate],
                pads=[pad, pad],
            )
            found = [
                self._block(x, f"dec.resblocks.{stage * blocks + n}", d.block_dilations[n])
                for n in range(blocks)
            ]
            total = found[0]
            for y in found[1:]:
                total = g.op("Add", total, y)
            x = self._scaled(total, 1 / blocks)
        return g.op("Tanh", self._conv(g.op("LeakyRelu", x, alpha=LAST_SLOPE), "dec.conv_post"))

    def _block(self, x: str, at: str, dilations: tuple[int, ...]) -> str:
        g = self.g
        pairs = self.decoder_config.block == 1
        for n, dilation in enumerate(dilations):
            name = f"{at}.convs{'1' if pairs else ''}.{n}"
            y = self._conv(g.op("LeakyRelu", x, alpha=SLOPE), name, dilation)
            if pairs:
                y = self._conv(g.op("LeakyRelu", y, alpha=SLOPE), f"{at}.convs2.{n}")
            x = g.op("Add", x, y)
        return x
