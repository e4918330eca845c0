"""Layers as nodes of an ONNX graph: what the families' graphs are made of.

Built from weights node by node: no tracer, so no version of torch decides what comes out. Shapes:
the batch is 1; a signal is `[1, C, T]`, rows are `[1, T, C]`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from vivavoce.checkpoints.onnx_write import FLOAT, INT64, GraphWriter
from vivavoce.types import FeatureSpec, Normalisation

Band = tuple[str, str, str, str]
ATTENTION = ("query", "key", "value", "output", "relative_key", "relative_value")


@dataclass(frozen=True)
class NoiseInput:
    """An input `[1, channels, N]` of normal numbers, one column for each of `per`.

    Columns that are missing count as zeros, those that are too many are not read.
    """

    name: str
    channels: int
    per: str  # "tokens" or "frames"


@dataclass(frozen=True)
class GraphFeatures:
    """What an acoustic model's graph ends in: the names of its features, and of the speaker.

    `noises` are in the order in which the model draws them. `controls` are inputs `[1]` float32.
    """

    values: str
    condition: str = ""
    noises: tuple[NoiseInput, ...] = ()
    controls: tuple[str, ...] = ()


@dataclass(frozen=True)
class GraphSamples:
    """What a vocoder's graph ends in: samples `[1, S]`.

    `prepared` are features with what the vocoder's preparation adds to them, where small
    differences in it grow along an utterance: then its module says with `same_source` what the
    samples should be.
    """

    samples: str
    prepared: str = ""


class LayerGraph:
    """Adds layers to a graph. `weights` are a module's by their names, `prefix` goes before them
    in the file.
    """

    def __init__(self, g: GraphWriter, weights: Mapping[str, Tensor], prefix: str = "") -> None:
        self.g, self.weights, self.prefix = g, weights, prefix

    def weight(self, name: str) -> str:
        return self.g.weight(self.prefix + name, self.weights[name])

    def table(self, name: str, values: Tensor) -> str:
        """A tensor that was made of weights, under a name of its own."""
        return self.g.weight(self.prefix + name, values)

    def conv(self, x: str, name: str, dilation: int = 1, groups: int = 1) -> str:
        """A convolution that keeps the length, with the bias that it has."""
        kernel = self.weights[f"{name}.weight"].shape[2]
        total = dilation * (kernel - 1)
        inputs = [x, self.weight(f"{name}.weight")]
        if f"{name}.bias" in self.weights:
            inputs.append(self.weight(f"{name}.bias"))
        return self.g.op(
            "Conv",
            *inputs,
            kernel_shape=[kernel],
            pads=[total // 2, total - total // 2],
            dilations=[dilation],
            strides=[1],
            group=groups,
        )

    def upsampling(self, x: str, name: str, rate: int) -> str:
        """A transposed convolution: `rate` steps for each."""
        kernel = self.weights[f"{name}.weight"].shape[2]
        pad = (kernel - rate) // 2
        return self.g.op(
            "ConvTranspose",
            x,
            self.weight(f"{name}.weight"),
            self.weight(f"{name}.bias"),
            kernel_shape=[kernel],
            strides=[rate],
            pads=[pad, pad],
        )

    def linear(self, rows: str, name: str) -> str:
        weight = self.table(f"{name}.weight.transposed", self.weights[f"{name}.weight"].t())
        product = self.g.op("MatMul", rows, weight)
        if f"{name}.bias" not in self.weights:
            return product
        return self.g.op("Add", product, self.weight(f"{name}.bias"))

    def turned(self, x: str) -> str:
        """A signal as rows, rows as a signal."""
        return self.g.op("Transpose", x, perm=[0, 2, 1])

    def row_norm(
        self, rows: str, name: str, eps: float, names: tuple[str, str] = ("weight", "bias")
    ) -> str:
        scale, bias = (self.weight(f"{name}.{part}") for part in names)
        return self.g.op("LayerNormalization", rows, scale, bias, axis=-1, epsilon=eps)

    def norm(
        self, x: str, name: str, eps: float, names: tuple[str, str] = ("weight", "bias")
    ) -> str:
        """Over the channels of a signal."""
        return self.turned(self.row_norm(self.turned(x), name, eps, names))

    def halves(self, x: str, axis: int = 1) -> tuple[str, str]:
        first, second = self.g.ops("Split", x, outs=2, axis=axis)
        return first, second

    def scaled(self, x: str, factor: float) -> str:
        return self.g.op("Mul", x, self.g.constant(float(factor)))

    def divided(self, x: str, divisor: float) -> str:
        """By the number that float32 has for it: `1 / divisor` as a factor is rounded once more."""
        return self.g.op("Div", x, self.g.constant(float(divisor)))

    def shifted(self, x: str, term: float) -> str:
        return self.g.op("Add", x, self.g.constant(float(term)))

    def clamped(self, x: str, low: float | None = None, high: float | None = None) -> str:
        ends = ["" if end is None else self.g.constant(float(end)) for end in (low, high)]
        return self.g.op("Clip", x, *ends)

    def reshaped(self, x: str, shape: Sequence[int]) -> str:
        return self.g.op("Reshape", x, self.g.constant(list(shape)))

    def cut(self, x: str, start: int | str, stop: int | str, axis: int) -> str:
        """`x[start:stop]` along an axis; ends that are known later are values `[1]`."""
        ends = [end if isinstance(end, str) else self.g.constant([end]) for end in (start, stop)]
        return self.g.op("Slice", x, *ends, self.g.constant([axis]))

    def count(self, x: str, axis: int) -> str:
        """How long an axis is, `[1]` int64."""
        return self.g.op("Gather", self.g.op("Shape", x), self.g.constant([axis]), axis=0)

    def steps(self, count: str) -> str:
        """0, 1, 2 … below the count `[1]`, as int64 `[count]`."""
        top = self.g.op("Squeeze", count)
        return self.g.op("Range", self.g.constant(0), top, self.g.constant(1))

    def floats(self, x: str) -> str:
        return self.g.op("Cast", x, to=FLOAT)

    def whole(self, x: str) -> str:
        return self.g.op("Cast", x, to=INT64)

    def gelu(self, x: str) -> str:
        above = self.shifted(self.g.op("Erf", self.scaled(x, 0.5**0.5)), 1.0)
        return self.g.op("Mul", self.scaled(x, 0.5), above)

    def noise(self, told: NoiseInput, count: str) -> str:
        """The input for it, as many columns as `count` `[1]` says; drawn where that is empty."""
        g = self.g
        given = g.input(told.name, FLOAT, (1, told.channels, f"{told.name}_{told.per}"))
        if not given:
            shape = g.op("Concat", g.constant([1, told.channels]), count, axis=0)
            return g.op("RandomNormalLike", g.op("Expand", g.constant(0.0), shape))
        pads = g.op("Concat", g.constant([0] * 5), count, axis=0)
        return self.cut(g.op("Pad", given, pads), 0, count, 2)

    def convnext(self, rows: str, name: str, eps: float) -> str:
        """A block of ConvNeXt over rows."""
        width = self.weights[f"{name}.depthwise.weight"].shape[0]
        near = self.turned(self.conv(self.turned(rows), f"{name}.depthwise", groups=width))
        wide = self.gelu(self.linear(self.row_norm(near, f"{name}.norm", eps), f"{name}.expand"))
        change = self.g.op(
            "Mul", self.linear(wide, f"{name}.contract"), self.weight(f"{name}.scale")
        )
        return self.g.op("Add", rows, change)

    def convnext_backbone(self, x: str, name: str, layers: int, eps: float) -> str:
        """A signal to rows: `nn.convolution.ConvNeXtBackbone`."""
        rows = self.row_norm(self.turned(self.conv(x, f"{name}.embed")), f"{name}.norm", eps)
        for layer in range(layers):
            rows = self.convnext(rows, f"{name}.blocks.{layer}", eps)
        return self.row_norm(rows, f"{name}.final_norm", eps)

    def band(self, length: str, window: int, heads: int) -> Band:
        """Indices and masks `[1, H, T, T]` and `[1, H, T, 2w+1]` of what is near; T is `[1]`."""
        g = self.g
        steps = self.steps(length)
        rows = g.op("Unsqueeze", steps, g.constant([1]))
        columns = g.op("Unsqueeze", steps, g.constant([0]))
        away = g.op("Add", g.op("Sub", columns, rows), g.constant(window))
        near = g.op("Add", rows, g.constant(np.arange(-window, window + 1)[None]))
        last = g.op("Sub", length, g.constant(1))
        found = []
        for index, most in ((away, g.constant(2 * window)), (near, last)):
            kept = g.op("Min", g.op("Max", index, g.constant(0)), most)
            inside = self.floats(g.op("Equal", kept, index))
            found += [g.op("Expand", kept, g.constant([1, heads, 1, 1])), inside]
        return found[0], found[1], found[2], found[3]

    def attention(
        self,
        x: str,
        at: str,
        width: int,
        heads: int,
        band: Band | None,
        names: Sequence[str] = ATTENTION,
    ) -> str:
        """Self-attention over a signal, with relative positions where there is a band."""
        g = self.g
        shape = [1, heads, width // heads, -1]
        q, k, v = (self.reshaped(self.conv(x, f"{at}.{name}"), shape) for name in names[:3])
        q = g.op("Transpose", self.scaled(q, (width // heads) ** -0.5), perm=[0, 1, 3, 2])
        scores = g.op("MatMul", q, k)
        if band is not None:
            keys = self.weights[f"{at}.{names[4]}"]
            axes = [0, 2, 1] if keys.dim() == 3 else [1, 0]
            keys = g.op("Transpose", self.weight(f"{at}.{names[4]}"), perm=axes)
            close = g.op("GatherElements", g.op("MatMul", q, keys), band[0], axis=3)
            scores = g.op("Add", scores, g.op("Mul", close, band[1]))
        p = g.op("Softmax", scores, axis=-1)
        values = g.op("MatMul", p, g.op("Transpose", v, perm=[0, 1, 3, 2]))
        if band is not None:
            picked = g.op("Mul", g.op("GatherElements", p, band[2], axis=3), band[3])
            values = g.op("Add", values, g.op("MatMul", picked, self.weight(f"{at}.{names[5]}")))
        y = self.reshaped(g.op("Transpose", values, perm=[0, 1, 3, 2]), [1, width, -1])
        return self.conv(y, f"{at}.{names[3]}")

    def wavenet(
        self,
        x: str,
        at: str,
        layers: int,
        dilation_rate: int,
        told: Sequence[str] = (),
        names: tuple[str, str] = ("inputs", "outputs"),
    ) -> str:
        """Gated dilated convolutions: `nn.wavenet.WaveNet`; `told` is each layer's condition."""
        g, skip = self.g, ""
        for layer in range(layers):
            y = self.conv(x, f"{at}.{names[0]}.{layer}", dilation_rate**layer)
            bent, gate = self.halves(g.op("Add", y, told[layer]) if told else y)
            gated = g.op("Mul", g.op("Tanh", bent), g.op("Sigmoid", gate))
            y = self.conv(gated, f"{at}.{names[1]}.{layer}")
            if layer < layers - 1:
                step, y = self.halves(y)
                x = g.op("Add", x, step)
            skip = g.op("Add", skip, y) if skip else y
        return skip

    def columns(self, frames: str) -> tuple[str, str]:
        """Frames per token, whole numbers as floats of any shape: each frame's token `[F]`, and F.

        F is `[1]`, and at least 1.
        """
        g = self.g
        ends = g.op("CumSum", self.reshaped(frames, [-1]), g.constant(0))
        total = g.op("ReduceMax", ends, keepdims=1)
        total = self.whole(self.clamped(total, 1.0))
        steps = g.op("Unsqueeze", self.floats(self.steps(total)), g.constant([1]))
        passed = g.op("GreaterOrEqual", steps, g.op("Unsqueeze", ends, g.constant([0])))
        owner = g.op("ReduceSum", self.whole(passed), g.constant([1]), keepdims=0)
        return owner, total

    def inverse_transform(self, spectrum: str, spec: FeatureSpec, window: np.ndarray) -> str:
        """Samples `[1, S]` of a spectrum `[1, 2F, T]`, its real parts first: `audio.stft.istft`.

        A product with the inverse transform's table, its frames added where they overlap. `window`
        is `[n_fft]`.
        """
        g, n, hop = self.g, spec.n_fft, spec.hop_length
        twice = np.full(n // 2 + 1, 2.0)
        twice[0] = 1.0
        if n % 2 == 0:
            twice[-1] = 1.0
        angles = 2 * math.pi * np.outer(np.arange(n // 2 + 1), np.arange(n)) / n
        real, imag = np.cos(angles), -np.sin(angles)
        imag[twice == 1.0] = 0.0
        basis = np.concatenate([real * twice[:, None], imag * twice[:, None]]) * window / n
        crop = n // 2 if spec.framing == "center" else (n - hop) // 2
        added = self._overlapped(spectrum, basis, hop, crop)
        shape = g.op("Concat", g.constant([1, 1]), self.count(spectrum, 2), axis=0)
        ones = g.op("Expand", g.constant(1.0), shape)
        envelope = self._overlapped(ones, window[None] ** 2, hop, crop)
        return g.op("Squeeze", g.op("Div", added, envelope), g.constant([1]))

    def _overlapped(self, x: str, basis: np.ndarray, hop: int, crop: int) -> str:
        table = self.g.constant(basis[:, None])
        size = basis.shape[1]
        return self.g.op(
            "ConvTranspose", x, table, kernel_shape=[size], strides=[hop], pads=[crop, crop]
        )

    def transform(self, samples: str, spec: FeatureSpec, window: np.ndarray) -> tuple[str, str]:
        """Real and imaginary parts `[1, F, T]` of samples `[1, S]`: `audio.stft.stft`."""
        n, g = spec.n_fft, self.g
        angles = 2 * math.pi * np.outer(np.arange(n // 2 + 1), np.arange(n)) / n
        basis = np.concatenate([np.cos(angles), -np.sin(angles)]) * window
        total = n if spec.framing == "center" else n - spec.hop_length
        ends = g.constant([0, 0, total // 2, 0, 0, total - total // 2])
        x = g.op("Unsqueeze", samples, g.constant([1]))
        x = g.op("Pad", x, ends, mode=spec.pad_mode)
        spectrum = g.op(
            "Conv", x, g.constant(basis[:, None]), kernel_shape=[n], strides=[spec.hop_length]
        )
        return self.halves(spectrum)

    def rescaled(self, x: str, have: Normalisation | None, want: Normalisation | None) -> str:
        """Features `[1, C, T]` of one normalisation as the other means them:
        `audio.features.convert`.
        """
        if have == want:
            return x
        if have is not None:
            if have.signal_norm:
                if have.clip and have.stats is None:
                    x = self.clamped(x, *range_of(have))
                scale, shift = unit_of(have)
                x = self.g.op("Add", self.g.op("Mul", x, self.column(scale)), self.column(shift))
            x = self.scaled(x, 1 / have.gain)
        if want is not None:
            x = self.scaled(x, want.gain)
            if want.signal_norm:
                scale, shift = unit_of(want)
                x = self.g.op("Div", self.g.op("Sub", x, self.column(shift)), self.column(scale))
                if want.clip and want.stats is None:
                    x = self.clamped(x, *range_of(want))
        return x

    def column(self, values: np.ndarray) -> str:
        """A number per channel, `[C, 1]`, or one for all."""
        return self.g.constant(values[:, None])


def range_of(norm: Normalisation) -> tuple[float, float]:
    """The network's range."""
    return (-norm.max_norm if norm.symmetric else 0.0), norm.max_norm


def unit_of(norm: Normalisation) -> tuple[np.ndarray, np.ndarray]:
    """Scale and shift that make decibels of the network's values, per band or one for all."""
    if norm.stats is not None:
        mean, deviation = (np.array(table, np.float64) for table in norm.stats)
        return deviation, mean
    low, high = range_of(norm)
    scale = -norm.min_level_db / (high - low)
    shift = norm.min_level_db + norm.ref_level_db - low * scale
    return np.array([scale]), np.array([shift])
