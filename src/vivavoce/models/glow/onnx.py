"""A Glow-TTS as nodes of an ONNX graph: ids and noise to the mel.

Shapes: L tokens, C channels, F frames, M mels; the batch is 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch.nn import functional

from vivavoce.checkpoints.onnx_layers import GraphFeatures, LayerGraph, NoiseInput
from vivavoce.checkpoints.onnx_write import FLOAT, INT64, GraphWriter
from vivavoce.errors import UsageError
from vivavoce.models.glow.config import GlowOptions
from vivavoce.models.glow.model import GlowTTS
from vivavoce.text import arpabet, coqui

EPS = 1e-4
CONTROLS = ("length_scale", "noise_scale")


def controls(options: GlowOptions) -> dict[str, float]:
    """The graph's control inputs for some options."""
    return dict(zip(CONTROLS, (1 / options.speed, options.noise_scale), strict=True))


def symbols(model: GlowTTS) -> Sequence[str]:
    """What each id means."""
    rules = model.text.coqui
    return arpabet.SYMBOLS if rules is None else coqui.vocabulary(rules).symbols


def graph(g: GraphWriter, model: GlowTTS) -> GraphFeatures:
    """Inputs `ids` `[1, L]`, `noise` `[1, M, N]`, the controls, and `sid` where there are speakers.

    Raises UsageError for a model whose speakers come from recordings.
    """
    if model.config.speaker_width and model.speakers is None:
        raise UsageError("A Glow-TTS with speakers from recordings cannot be exported to ONNX.")
    return GlowGraph(g, model).build()


class GlowGraph(LayerGraph):
    def __init__(self, g: GraphWriter, model: GlowTTS) -> None:
        super().__init__(g, model.state_dict(), "acoustic.")
        self.model, self.config = model, model.config

    def build(self) -> GraphFeatures:
        g, c = self.g, self.config
        ids = g.input("ids", INT64, (1, "tokens"))
        length, scale = (g.input(name, FLOAT, (1,)) for name in CONTROLS)
        speaker = self._speaker() if c.speaker_width else ""
        hidden = self._text(ids)
        natural = self.shifted(g.op("Exp", self._durations(hidden, speaker)), -1.0)
        frames = self.clamped(g.op("Ceil", g.op("Mul", natural, length)), 1.0)
        columns, total = self.columns(frames)
        prior = g.op("Gather", self.conv(hidden, "encoder.mean"), columns, axis=2)
        told = NoiseInput("noise", c.n_mels, "frames")
        drawn = g.op("Mul", self.noise(told, total), scale)
        if not c.mean_only:
            spread = g.op("Exp", self.conv(hidden, "encoder.log_scale"))
            drawn = g.op("Mul", drawn, g.op("Gather", spread, columns, axis=2))
        mel = self._flow(g.op("Add", prior, drawn), total, speaker)
        return GraphFeatures(mel, noises=(told,), controls=CONTROLS)

    def _speaker(self) -> str:
        """`[1, G, 1]`."""
        assert self.model.speakers is not None
        unit = functional.normalize(self.model.speakers.weight.detach())
        row = self.g.op(
            "Gather", self.table("speakers.unit", unit), self.g.input("sid", INT64, (1,)), axis=0
        )
        return self.g.op("Unsqueeze", row, self.g.constant([2]))

    def _text(self, ids: str) -> str:
        """Hidden states `[1, C, L]`."""
        g, c = self.g, self.config
        rows = g.op("Gather", self.weight("encoder.embedding.weight"), ids, axis=0)
        x = self.turned(self.scaled(rows, math.sqrt(c.encoder_width)))
        if c.prenet:
            y = x
            for layer in range(3):
                y = self.conv(y, f"encoder.prenet.convs.{layer}")
                y = g.op("Relu", self.norm(y, f"encoder.prenet.norms.{layer}", EPS))
            x = g.op("Add", x, self.conv(y, "encoder.prenet.projection"))
        window, band = c.relative_window, None
        if window is not None:
            band = self.band(self.count(ids, 1), window, c.encoder_heads)
        for layer in range(c.encoder_layers):
            at = f"encoder.layers.{layer}"
            heard = self.attention(x, f"{at}.attention", c.encoder_width, c.encoder_heads, band)
            x = self.norm(g.op("Add", x, heard), f"{at}.norm_1", EPS)
            wide = g.op("Relu", self.conv(x, f"{at}.feed_forward.expand"))
            change = self.conv(wide, f"{at}.feed_forward.contract")
            x = self.norm(g.op("Add", x, change), f"{at}.norm_2", EPS)
        return x

    def _durations(self, x: str, speaker: str) -> str:
        """`[1, 1, L]`: logarithms of frames and 1 more."""
        g = self.g
        if speaker:
            shape = g.op(
                "Concat", g.constant([1, self.config.speaker_width]), self.count(x, 2), axis=0
            )
            x = g.op("Concat", x, g.op("Expand", speaker, shape), axis=1)
        for n in (1, 2):
            x = g.op("Relu", self.conv(x, f"encoder.durations.conv_{n}"))
            x = self.norm(x, f"encoder.durations.norm_{n}", EPS)
        return self.conv(x, "encoder.durations.projection")

    def _flow(self, z: str, total: str, speaker: str) -> str:
        """Latents `[1, M, F]` to the mel; F is cut to whole groups of frames."""
        g, c = self.g, self.config
        n, channels = c.n_squeeze, c.n_mels * c.n_squeeze
        groups = g.op("Div", total, g.constant(n))
        z = self.cut(z, 0, g.op("Mul", groups, g.constant(n)), 2)
        z = g.op("Transpose", self.reshaped(z, [1, c.n_mels, -1, n]), perm=[0, 3, 1, 2])
        x = self.reshaped(z, [1, channels, -1])
        for number in reversed(range(c.n_flows)):
            a, b = self.halves(x)
            shift, log_scale = self._coupling(a, number, speaker)
            b = g.op("Mul", g.op("Sub", b, shift), g.op("Exp", g.op("Neg", log_scale)))
            weight, bias = self.model.decoder.flows[number][0].inverse()
            at = f"decoder.steps.{number}.inverse"
            mixed = g.op("MatMul", self.table(f"{at}.weight", weight), g.op("Concat", a, b, axis=1))
            x = g.op("Add", mixed, self.table(f"{at}.bias", bias))
        x = g.op("Transpose", self.reshaped(x, [1, n, c.n_mels, -1]), perm=[0, 2, 3, 1])
        return self.reshaped(x, [1, c.n_mels, -1])

    def _coupling(self, a: str, number: int, speaker: str) -> tuple[str, str]:
        g, c, at = self.g, self.config, f"decoder.couplings.{number}"
        told: list[str] = []
        if speaker:
            everyone = self.conv(speaker, f"{at}.wavenet.condition")
            told = g.ops("Split", everyone, outs=c.flow_layers, axis=1)
        start = self.conv(a, f"{at}.start")
        hidden = self.wavenet(start, f"{at}.wavenet", c.flow_layers, c.dilation_rate, told)
        shift, log_scale = self.halves(self.conv(hidden, f"{at}.end"))
        if c.sigmoid_scale:
            open_gate = g.op("Sigmoid", self.shifted(log_scale, 2.0))
            log_scale = g.op("Log", self.shifted(open_gate, 1e-6))
        return shift, log_scale
