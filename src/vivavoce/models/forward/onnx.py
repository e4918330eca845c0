"""A forward model as nodes of an ONNX graph: ids to the mel. Nothing is drawn.

Shapes: L tokens, T frames, S decoder steps of R frames, C channels, M mels; the batch is 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from vivavoce.checkpoints.onnx_layers import GraphFeatures, LayerGraph
from vivavoce.checkpoints.onnx_write import FLOAT, INT64, GraphWriter
from vivavoce.models.forward.config import ForwardOptions, StackConfig
from vivavoce.models.forward.model import N_PLACES, TICKS, TYPICAL_HZ, Forward
from vivavoce.models.forward.source import (
    HIGHEST_HZ,
    LOWEST_HZ,
    MIDDLE_HZ,
    MIDDLE_ROW,
    STEPS_PER_OCTAVE,
)
from vivavoce.text import arpabet

EPS = 1e-5
LOG_RATE = -math.log(10000.0)
CONTROLS = ("length_scale", "semitones")


def controls(options: ForwardOptions) -> dict[str, float]:
    """The graph's control inputs for some options."""
    return dict(zip(CONTROLS, (1 / options.speed, options.pitch), strict=True))


def symbols(_model: Forward) -> Sequence[str]:
    """What each id means."""
    return arpabet.SYMBOLS


def graph(g: GraphWriter, model: Forward) -> GraphFeatures:
    """Inputs `ids` `[1, L]` and the controls."""
    return ForwardGraph(g, model).build()


class ForwardGraph(LayerGraph):
    def __init__(self, g: GraphWriter, model: Forward) -> None:
        super().__init__(g, model.state_dict(), "acoustic.")
        self.model, self.config = model, model.config

    def build(self) -> GraphFeatures:
        g, c = self.g, self.config
        ids = g.input("ids", INT64, (1, "tokens"))
        length, semitones = (g.input(name, FLOAT, (1,)) for name in CONTROLS)
        x = g.op("Gather", self.weight("embedding.weight"), ids, axis=0)
        x = g.op("Add", x, self._positions(self.count(ids, 1), c.encoder.width))
        hidden = self._stack(x, "encoder", c.encoder)
        natural = self.shifted(g.op("Exp", self._durations(hidden)), -1.0)
        frames = self.clamped(g.op("Mul", natural, length), 1.0)
        aligned, inside, total = self._aligned(hidden, frames)
        pitch = g.op(
            "Mul", self._pitch(aligned), g.op("Exp", self.scaled(semitones, math.log(2) / 12))
        )
        mel = self._mel(aligned, g.op("Mul", pitch, inside))
        return GraphFeatures(self.turned(self.cut(mel, 0, total, 1)), controls=CONTROLS)

    def _positions(self, count: str, width: int) -> str:
        """`[L, C]`."""
        g, half = self.g, width // 2
        rates = g.op(
            "Exp", self.scaled(self.floats(self.steps(g.constant([half]))), LOG_RATE / half)
        )
        places = g.op("Unsqueeze", self.floats(self.steps(count)), g.constant([1]))
        angles = g.op("Mul", places, rates)
        return g.op("Concat", g.op("Sin", angles), g.op("Cos", angles), axis=1)

    def _stack(self, rows: str, at: str, config: StackConfig) -> str:
        number = 0
        for _ in range(config.layers):
            if config.block == "attention":
                rows = self._attention(rows, f"{at}.blocks.{number}", config)
                number += 1
            rows = self.convnext(rows, f"{at}.blocks.{number}", EPS)
            number += 1
        return self.row_norm(rows, f"{at}.norm", EPS)

    def _attention(self, rows: str, at: str, config: StackConfig) -> str:
        g, heads, width = self.g, config.heads, config.width
        parts = self.linear(self.row_norm(rows, f"{at}.norm", EPS), f"{at}.inputs")
        parts = self.reshaped(parts, [1, -1, 3, heads, width // heads])
        q, k, v = g.ops("Split", g.op("Transpose", parts, perm=[2, 0, 3, 1, 4]), outs=3, axis=0)
        q, k, v = (g.op("Squeeze", one, g.constant([0])) for one in (q, k, v))  # [1, H, L, C/H]
        keys = g.op("Transpose", k, perm=[0, 1, 3, 2])
        scores = g.op("MatMul", self.scaled(q, (width // heads) ** -0.5), keys)
        heard = g.op("MatMul", g.op("Softmax", scores, axis=-1), v)
        heard = self.reshaped(g.op("Transpose", heard, perm=[0, 2, 1, 3]), [1, -1, width])
        return g.op("Add", rows, self.linear(heard, f"{at}.output"))

    def _durations(self, rows: str) -> str:
        """`[1, L, 1]`: logarithms of frames and 1 more."""
        for n in (1, 2):
            y = self.g.op("Relu", self.conv(self.turned(rows), f"durations.conv_{n}"))
            rows = self.row_norm(self.turned(y), f"durations.norm_{n}", EPS)
        return self.linear(rows, "durations.projection")

    def _aligned(self, hidden: str, frames: str) -> tuple[str, str, str]:
        """Frames on tokens, folded `[1, S, R (C + 3)]`; which are real; their number `[1]`."""
        g, r, c = self.g, self.config.reduction, self.config
        flat = self.reshaped(frames, [-1])
        ends, parts = self._span_ends(flat)
        total = g.op("Add", self.cut(ends, -1, 2**31 - 1, 0), g.constant(1))
        steps_count = g.op("Div", g.op("Add", total, g.constant(r - 1)), g.constant(r))
        places = self.steps(g.op("Mul", steps_count, g.constant(r)))
        column = g.op("Unsqueeze", places, g.constant([1]))
        past = g.op("Add", ends, self.whole(g.op("Greater", parts, g.constant(0.0))))
        passed = g.op("GreaterOrEqual", column, g.op("Unsqueeze", past, g.constant([0])))
        owner = g.op("ReduceSum", self.whole(passed), g.constant([1]), keepdims=0)
        owner = g.op("Min", owner, g.op("Sub", self.count(hidden, 1), g.constant(1)))
        end, part, length = (g.op("Gather", one, owner, axis=0) for one in (ends, parts, flat))
        ahead = g.op("Add", self.floats(g.op("Sub", end, places)), part)
        behind = g.op("Sub", length, ahead)
        share = g.op("Div", self.shifted(behind, 0.5), self.clamped(length, 1.0))
        where = [self.scaled(behind, 1 / 8), self.scaled(ahead, 1 / 8), share]
        where = [g.op("Unsqueeze", one, g.constant([0, 2])) for one in where]
        known = self.clamped(g.op("Concat", *where, axis=2), -4.0, 4.0)
        inside = self.floats(g.op("Less", places, total))
        x = g.op("Concat", g.op("Gather", hidden, owner, axis=1), known, axis=2)
        x = g.op("Mul", x, g.op("Unsqueeze", inside, g.constant([1])))
        folded = self.reshaped(x, [1, -1, r * (c.encoder.width + N_PLACES)])
        return folded, g.op("Unsqueeze", inside, g.constant([0])), total

    def _span_ends(self, frames: str) -> tuple[str, str]:
        """Whole frames, int64, and the part beyond, each `[L]`: `model.span_ends`."""
        g = self.g
        whole = g.op("Floor", frames)
        ticks = self.whole(g.op("Round", self.scaled(g.op("Sub", frames, whole), TICKS)))
        ticks = g.op("CumSum", ticks, g.constant(0))
        carried, rest = (g.op(one, ticks, g.constant(TICKS)) for one in ("Div", "Mod"))
        ends = g.op("Add", g.op("CumSum", self.whole(whole), g.constant(0)), carried)
        return ends, self.scaled(self.floats(rest), 1 / TICKS)

    def _pitch(self, aligned: str) -> str:
        """Hz `[1, T]`, 0 where unvoiced."""
        g, c = self.g, self.config
        rows = self._stack(self.linear(aligned, "pitch_input"), "pitch", c.pitch)
        both = self.reshaped(self.linear(rows, "pitch_output"), [1, -1, 2, c.reduction])
        log_pitch, logit = (self.reshaped(one, [1, -1]) for one in self.halves(both, axis=2))
        voiced = self.floats(g.op("Greater", logit, g.constant(0.0)))
        return g.op("Mul", self.scaled(g.op("Exp", log_pitch), TYPICAL_HZ), voiced)

    def _mel(self, aligned: str, pitch: str) -> str:
        """`[1, T, M]`."""
        g, c = self.g, self.config
        voiced = self.floats(g.op("Greater", pitch, g.constant(0.0)))
        height = g.op("Log", self.divided(self.clamped(pitch, 1.0), TYPICAL_HZ))
        said = [voiced, g.op("Mul", height, voiced)]
        said = [g.op("Unsqueeze", one, g.constant([2])) for one in said]
        source = g.op("Concat", self._pulses(pitch, said[0]), *said, axis=2)
        folded = self.reshaped(source, [1, -1, c.reduction * (c.n_mels + 2)])
        x = self.linear(g.op("Concat", aligned, folded, axis=2), "decoder_input")
        x = self.linear(self._stack(x, "decoder", c.decoder), "decoder_output")
        return self.reshaped(x, [1, -1, c.n_mels])

    def _pulses(self, pitch: str, voiced: str) -> str:
        """What the mel of bare pulses looks like: `source.PulseMel`."""
        g = self.g
        table = self.table("pulses.table", self.model.pulses.table)
        height = self.clamped(pitch, LOWEST_HZ, HIGHEST_HZ * 0.999)
        octaves = self.divided(g.op("Log", self.divided(height, MIDDLE_HZ)), math.log(2))
        place = self.scaled(octaves, STEPS_PER_OCTAVE)
        low = g.op("Floor", place)
        part = g.op("Unsqueeze", g.op("Sub", place, low), g.constant([2]))
        below = g.op("Add", self.whole(low), g.constant(MIDDLE_ROW))
        above = g.op("Gather", table, g.op("Add", below, g.constant(1)), axis=0)
        row = g.op("Gather", table, below, axis=0)
        between = g.op("Add", row, g.op("Mul", g.op("Sub", above, row), part))
        return g.op("Mul", between, voiced)
