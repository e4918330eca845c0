"""A VITS for one text as an ONNX graph with Piper's inputs, outputs and names of weights.

Built from a model's weights node by node: no tracer, so no version of torch decides what comes
out. Shapes: T symbols, F frames, C channels, H heads; the batch is 1 throughout.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import Tensor

from vivavoce.checkpoints.onnx_layers import LayerGraph, NoiseInput
from vivavoce.checkpoints.onnx_write import FLOAT, INT64, GraphWriter
from vivavoce.models.vits.config import VitsConfig
from vivavoce.models.vits.spline import EDGE, SMALLEST, TAIL
from vivavoce.vocoders.inner import LAST_SLOPE, SLOPE, DecoderConfig

NORM_EPS = 1e-5
ATTENTION = ("conv_q", "conv_k", "conv_v", "conv_o", "emb_rel_k", "emb_rel_v")


class Builder(LayerGraph):
    """Adds the parts of one model to a graph. `theirs` are weights by the publication's names.

    With `noises` the draws are inputs of the graph, frames for the latents and symbols for the
    durations, and no symbol is longer than `longest` frames; without them the graph draws.
    """

    def __init__(
        self,
        config: VitsConfig,
        decoder: DecoderConfig | None,
        theirs: Mapping[str, Tensor],
        g: GraphWriter | None = None,
        noises: tuple[NoiseInput, ...] = (),
        longest: float | None = None,
    ) -> None:
        super().__init__(g or GraphWriter(), theirs)
        self.config, self.decoder_config = config, decoder
        self.noises, self.longest = noises, longest

    def build(self) -> GraphWriter:
        """Inputs `input`, `input_lengths`, `scales` (noise, length, noise of durations), and `sid`
        for a model with speakers; output `output`, samples as `[1, 1, 1, S]`.
        """
        g, c = self.g, self.config
        ids = g.input("input", INT64, (1, "phonemes"))
        g.input("input_lengths", INT64, (1,))
        scales = g.input("scales", FLOAT, (3,))
        noise, length, rhythm = (g.op("Gather", scales, g.constant(n), axis=0) for n in range(3))
        speaker = self.speaker(g.input("sid", INT64, (1,))) if c.n_speakers else ""
        latents = self.latents(ids, noise, length, rhythm, speaker)
        samples = self._decoder(latents, speaker)
        g.op("Unsqueeze", samples, g.constant([1]), out="output")
        g.output("output", FLOAT, (1, 1, 1, "samples"))
        return g

    def latents(self, ids: str, noise: str, length: str, rhythm: str, speaker: str) -> str:
        """What the decoder makes samples of, `[1, C, F]`."""
        g = self.g
        hidden, mean, log_scale = self._text(ids)
        natural = g.op("Exp", self._durations(hidden, speaker, rhythm))
        if self.longest is not None:
            natural = self.clamped(natural, high=self.longest)
        frames = g.op("Ceil", g.op("Mul", natural, length))
        columns, total = self.columns(frames)
        prior = g.op("Gather", mean, columns, axis=2)
        drawn = self._drawn("/RandomNormalLike_output_0", prior, total)
        spread = g.op("Mul", g.op("Gather", g.op("Exp", log_scale), columns, axis=2), noise)
        return self._flow(g.op("Add", prior, g.op("Mul", drawn, spread)), speaker)

    def _drawn(self, name: str, like: str, count: str) -> str:
        """Normal numbers, drawn under that name or given."""
        if not self.noises:
            return self.g.op("RandomNormalLike", like, out=name)
        given = self.noises[0] if name.startswith("/dp/") else self.noises[-1]
        return self.noise(given, count)

    def _norm(self, x: str, name: str, eps: float = NORM_EPS) -> str:
        return self.norm(x, name, eps, ("gamma", "beta"))

    def _flipped(self, x: str, channels: int) -> str:
        return self.g.op("Gather", x, self.g.constant(list(range(channels))[::-1]), axis=1)

    def speaker(self, sid: str) -> str:
        """`[1, G, 1]`."""
        row = self.g.op("Gather", self.weight("emb_g.weight"), sid, axis=0)
        return self.g.op("Unsqueeze", row, self.g.constant([2]))

    # Text.

    def _text(self, ids: str) -> tuple[str, str, str]:
        """Hidden states, mean and logarithm of the deviation, per symbol."""
        g, c = self.g, self.config
        x = g.op("Gather", self.weight("enc_p.emb.weight"), ids, axis=0)
        x = g.op("Transpose", self.scaled(x, math.sqrt(c.text_width)), perm=[0, 2, 1])
        band = self.band(self.count(ids, 1), c.relative_window, c.text_heads)
        for layer in range(c.text_layers):
            at = f"enc_p.encoder.attn_layers.{layer}"
            x = g.op(
                "Add", x, self.attention(x, at, c.encoder_width, c.text_heads, band, ATTENTION)
            )
            x = self._norm(x, f"enc_p.encoder.norm_layers_1.{layer}")
            wide = self.conv(x, f"enc_p.encoder.ffn_layers.{layer}.conv_1")
            y = self.conv(g.op("Relu", wide), f"enc_p.encoder.ffn_layers.{layer}.conv_2")
            x = self._norm(g.op("Add", x, y), f"enc_p.encoder.norm_layers_2.{layer}")
        mean, log_scale = self.halves(self.conv(x, "enc_p.proj"))
        return x, mean, log_scale

    # Durations.

    def _durations(self, hidden: str, speaker: str, rhythm: str) -> str:
        """Logarithms of frames per symbol, `[1, 1, T]`."""
        g, c = self.g, self.config
        told = speaker and c.speaker_durations
        if not c.stochastic_durations:
            x = g.op("Add", hidden, self.conv(speaker, "dp.cond")) if told else hidden
            for n in (1, 2):
                x = self._norm(
                    g.op("Relu", self.conv(x, f"dp.conv_{n}")), f"dp.norm_{n}", c.duration_eps
                )
            return self.conv(x, "dp.proj")
        x = self.conv(hidden, "dp.pre")
        if told:
            x = g.op("Add", x, self.conv(speaker, "dp.cond"))
        x = self.conv(self._separable(x, "dp.convs"), "dp.proj")
        two = g.op("Slice", x, g.constant([0]), g.constant([2]), g.constant([1]))
        drawn = self._drawn("/dp/RandomNormalLike_output_0", two, self.count(x, 2))
        pairs = g.op("Mul", drawn, rhythm)
        for number in range(2 * c.duration_flows - 1, 1, -2):
            kept, bent = self.halves(self._flipped(pairs, 2))
            bent = self._spline(kept, bent, x, f"dp.flows.{number}")
            pairs = g.op("Concat", kept, bent, axis=1)
        first, _ = self.halves(self._flipped(pairs, 2))
        shift = g.op("Gather", self.weight("dp.flows.0.m"), g.constant([0]), axis=0)
        logs = g.op("Gather", self.weight("dp.flows.0.logs"), g.constant([0]), axis=0)
        return g.op("Mul", g.op("Sub", first, shift), g.op("Exp", g.op("Neg", logs)))

    def _separable(self, x: str, at: str) -> str:
        g, c = self.g, self.config
        for layer in range(c.duration_layers):
            dilation = c.duration_kernel**layer
            y = self.conv(x, f"{at}.convs_sep.{layer}", dilation, groups=c.duration_width)
            y = self.gelu(self._norm(y, f"{at}.norms_1.{layer}"))
            y = self._norm(self.conv(y, f"{at}.convs_1x1.{layer}"), f"{at}.norms_2.{layer}")
            x = g.op("Add", x, self.gelu(y))
        return x

    def _spline(self, kept: str, bent: str, hidden: str, at: str) -> str:
        """The inverse of the spline, `[1, 1, T]`; beyond its ends the identity."""
        g, c = self.g, self.config
        x = g.op("Add", self.conv(kept, f"{at}.pre"), hidden)
        logits = self.conv(self._separable(x, f"{at}.convs"), f"{at}.proj")
        rows = g.op("Transpose", logits, perm=[0, 2, 1])
        bins = c.duration_bins
        cut = g.constant([bins, bins, bins - 1])
        widths, heights, slopes = g.ops("Split", rows, cut, outs=3, axis=2)
        y = g.op("Transpose", bent, perm=[0, 2, 1])  # [1, T, 1]
        low, high = g.constant(-TAIL), g.constant(TAIL)
        inside = g.op("And", g.op("GreaterOrEqual", y, low), g.op("LessOrEqual", y, high))
        held = g.op("Clip", y, low, high)
        scale = c.duration_width**-0.5
        knots_x, knots_y = (self._knots(self.scaled(t, scale)) for t in (widths, heights))
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
        bend = g.op("Sub", g.op("Add", first, last), self.scaled(slope, 2.0))
        bent = g.op("Mul", up, bend)
        a = g.op("Add", bent, g.op("Mul", height, g.op("Sub", slope, first)))
        b = g.op("Sub", g.op("Mul", height, first), bent)
        c = g.op("Neg", g.op("Mul", slope, up))
        under = g.op("Sub", g.op("Mul", b, b), self.scaled(g.op("Mul", a, c), 4.0))
        root = g.op("Sqrt", g.op("Max", under, g.constant(0.0)))
        return g.op("Div", self.scaled(c, 2.0), g.op("Neg", g.op("Add", b, root)))

    def _knots(self, logits: str) -> str:
        g, bins = self.g, self.config.duration_bins
        shares = self.scaled(g.op("Softmax", logits, axis=-1), 1 - SMALLEST * bins)
        shares = g.op("Add", shares, g.constant(SMALLEST))
        ends = g.op("CumSum", shares, g.constant(2))
        ends = g.op("Slice", ends, g.constant([0]), g.constant([bins - 1]), g.constant([2]))
        ends = g.op("Sub", self.scaled(ends, 2 * TAIL), g.constant(TAIL))
        ends = g.op("Pad", ends, g.constant([0, 0, 1, 0, 0, 0]), g.constant(-TAIL))
        return g.op("Pad", ends, g.constant([0, 0, 0, 0, 0, 1]), g.constant(TAIL))

    # Latents and samples.

    def _flow(self, z: str, speaker: str) -> str:
        g, c = self.g, self.config
        for number in reversed(range(c.n_couplings)):
            at = f"flow.flows.{2 * number}"
            kept, moved = self.halves(self._flipped(z, c.latent_width))
            told = g.ops(
                "Split", self.conv(speaker, f"{at}.enc.cond_layer"), outs=c.flow_layers, axis=1
            ) if speaker else []  # fmt: skip
            hidden = self.wavenet(
                self.conv(kept, f"{at}.pre"),
                f"{at}.enc",
                c.flow_layers,
                c.flow_dilation,
                told,
                ("in_layers", "res_skip_layers"),
            )
            moved = g.op("Sub", moved, self.conv(hidden, f"{at}.post"))
            z = g.op("Concat", kept, moved, axis=1)
        return z

    def _decoder(self, z: str, speaker: str) -> str:
        """`[1, 1, S]`."""
        g, d = self.g, self.decoder_config
        assert d is not None
        x = self.conv(z, "dec.conv_pre")
        if speaker:
            x = g.op("Add", x, self.conv(speaker, "dec.cond"))
        blocks = len(d.block_kernels)
        for stage, rate in enumerate(d.rates):
            x = self.upsampling(g.op("LeakyRelu", x, alpha=SLOPE), f"dec.ups.{stage}", rate)
            found = [
                self._block(
                    x, f"dec.resblocks.{stage * blocks + n}", d.block_dilations[n], d.block == 1
                )
                for n in range(blocks)
            ]
            total = found[0]
            for y in found[1:]:
                total = g.op("Add", total, y)
            x = self.scaled(total, 1 / blocks)
        return g.op("Tanh", self.conv(g.op("LeakyRelu", x, alpha=LAST_SLOPE), "dec.conv_post"))

    def _block(self, x: str, at: str, dilations: tuple[int, ...], pairs: bool) -> str:
        g = self.g
        for n, dilation in enumerate(dilations):
            name = f"{at}.convs{'1' if pairs else ''}.{n}"
            y = self.conv(g.op("LeakyRelu", x, alpha=SLOPE), name, dilation)
            if pairs:
                y = self.conv(g.op("LeakyRelu", y, alpha=SLOPE), f"{at}.convs2.{n}")
            x = g.op("Add", x, y)
        return x
