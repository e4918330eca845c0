"""The pulse vocoder as nodes of an ONNX graph.

Shapes: M mels, T frames, F bins, S samples, P samples a frame; the batch is 1.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from vivavoce.audio import tables
from vivavoce.checkpoints.onnx_layers import GraphSamples, LayerGraph
from vivavoce.checkpoints.onnx_write import GraphWriter
from vivavoce.nn.convolution import CONVNEXT_EPS
from vivavoce.vocoders.pulse.model import (
    FASTEST_HZ,
    LOUDEST_LOG,
    NOISE_FRAMES,
    SLOWEST_HZ,
    SOURCE_CHANNELS,
    TYPICAL_HZ,
    PulseVocoder,
)
from vivavoce.vocoders.pulse.source import CYCLE, FLAT, HIGHEST_HARMONIC_HZ, LOWEST_HZ, PulsePhase

MOST_FRAMES = 2**14
"""Three minutes: so far back a silence is found."""


def graph(g: GraphWriter, vocoder: PulseVocoder, features: str, _condition: str) -> GraphSamples:
    """Samples `[1, S]` of features `[1, M, T]`."""
    return PulseGraph(g, vocoder).samples(features)


@torch.inference_mode()
def same_source(vocoder: PulseVocoder, features: Tensor, prepared: Tensor) -> tuple[Tensor, float]:
    """Our samples `[1, S]` at the graph's pitch, and how far that is from ours, relative.

    A difference of 1e-6 in the pitch, which is rounding, is a turn of the upper harmonics after
    some seconds. Where the voicing differs the distance is infinite.
    """
    preparation = vocoder.preparation()
    ours = torch.cat([*preparation.push(features), *preparation.finish()], 2)
    pitch, _, voiced, _ = prepared[:, -SOURCE_CHANNELS:].unbind(1)
    our_pitch, _, our_voiced, number = ours[:, -SOURCE_CHANNELS:].unbind(1)
    away = float((pitch / our_pitch - 1).abs().max()) if voiced.equal(our_voiced) else math.inf
    spec = vocoder.accepts
    phase, _ = PulsePhase(spec.hop_length / spec.sample_rate).follow(pitch, voiced)
    source = torch.stack([pitch, phase, voiced, number], 1)
    return vocoder.decode(torch.cat([features, source], 1)), away


class PulseGraph(LayerGraph):
    def __init__(self, g: GraphWriter, vocoder: PulseVocoder) -> None:
        super().__init__(g, vocoder.state_dict(), "vocoder.")
        self.vocoder, self.spec = vocoder, vocoder.accepts

    def samples(self, mel: str) -> GraphSamples:
        g, c, spec = self.g, self.vocoder.config, self.spec
        pitch, voiced = self._pitch(mel)
        phase = self._phase(pitch, voiced, self.steps(self.count(mel, 2)))
        height = g.op("Log", self.divided(pitch, TYPICAL_HZ))
        known = [
            g.op("Unsqueeze", one, g.constant([1])) for one in (voiced, g.op("Mul", height, voiced))
        ]
        x = g.op("Concat", mel, *known, axis=1)
        rows = self.convnext_backbone(x, "backbone", c.n_layers, CONVNEXT_EPS)
        shape = self.turned(self.linear(rows, "head"))
        outs = 5 if c.free_phase else 3
        level, angle, rough, *free = g.ops("Split", shape, outs=outs, axis=1)
        window = tables.window(spec.window, spec.win_length, spec.n_fft)
        wave = self.scaled(self._pulses(pitch, phase, voiced), 4 / spec.win_length)
        real, imag = self.transform(wave, spec, window)
        cos, sin = self._polar(level, angle)
        roughness = g.op("Exp", self.clamped(rough, high=LOUDEST_LOG))
        rough_real, rough_imag = (g.op("Mul", one, roughness) for one in self._noise(mel))
        minus, plus = (g.op("Mul", imag, one) for one in (sin, cos))
        real, imag = (
            g.op("Sub", g.op("Mul", real, cos), minus),
            g.op("Add", g.op("Mul", real, sin), plus),
        )
        parts = g.op("Add", real, rough_real), g.op("Add", imag, rough_imag)
        if free:
            parts = (g.op("Add", *both) for both in zip(parts, self._polar(*free), strict=True))
        spectrum = g.op("Concat", *parts, axis=1)
        source = [g.op("Unsqueeze", one, g.constant([1])) for one in (pitch, phase, voiced, voiced)]
        prepared = g.op("Concat", mel, *source, axis=1)
        return GraphSamples(self.inverse_transform(spectrum, spec, window), prepared)

    def _polar(self, level: str, angle: str) -> tuple[str, str]:
        """Real and imaginary parts of what has this logarithm of its size, and this angle."""
        g = self.g
        size = g.op("Exp", self.clamped(level, high=LOUDEST_LOG))
        return g.op("Mul", size, g.op("Cos", angle)), g.op("Mul", size, g.op("Sin", angle))

    def _pitch(self, mel: str) -> tuple[str, str]:
        """Hz and voicing (0 or 1), each `[1, T]`."""
        g, c = self.g, self.vocoder.config
        rows = self.convnext_backbone(mel, "pitch", c.pitch_layers, CONVNEXT_EPS)
        both = self.halves(self.linear(rows, "pitch_head"), axis=2)
        log_pitch, logit = (g.op("Squeeze", one, g.constant([2])) for one in both)
        pitch = self.scaled(g.op("Exp", log_pitch), TYPICAL_HZ)
        voiced = self.floats(g.op("Greater", logit, g.constant(0.0)))
        return self.clamped(pitch, SLOWEST_HZ, FASTEST_HZ), voiced

    def _phase(self, pitch: str, voiced: str, steps: str) -> str:
        """In cycles, below 1, `[1, T]`: `source.PulsePhase`, whose sums are whole ticks."""
        g, hop_s = self.g, self.spec.hop_length / self.spec.sample_rate
        cycles = self.scaled(g.op("Add", self._next(pitch), self._now(pitch)), hop_s / 2)
        ticks = self.scaled(g.op("Sub", cycles, g.op("Floor", cycles)), CYCLE)
        ticks = self.whole(g.op("Round", ticks))
        ticks = g.op("Concat", g.constant(np.zeros((1, 1), np.int64)), ticks, axis=1)
        sums = g.op("CumSum", ticks, g.constant(1))
        heard = g.op("Greater", voiced, g.constant(0.0))
        silence = g.op("Where", heard, g.constant(-1.0), self.floats(steps))
        for shift in (2**power for power in range(MOST_FRAMES.bit_length() - 1)):
            first, ends = self.cut(silence, 0, shift, 1), self.cut(silence, 0, -shift, 1)
            later = g.op("Max", self.cut(silence, shift, 2**31 - 1, 1), ends)
            silence = g.op("Concat", first, later, axis=1)
        place = self.whole(self.clamped(silence, 0.0))
        begun = g.op("GatherElements", sums, place, axis=1)
        none = g.op("Less", silence, g.constant(0.0))
        begun = g.op("Where", none, g.constant(np.zeros((1, 1), np.int64)), begun)
        sums = g.op("Mod", g.op("Sub", sums, begun), g.constant(CYCLE))
        return self.scaled(self.floats(sums), 1 / CYCLE)

    def _pulses(self, pitch: str, phase: str, voiced: str) -> str:
        """Samples `[1, (T - 1) P]`: `source.pulses`."""
        g, hop, rate = self.g, self.spec.hop_length, self.spec.sample_rate
        u = self.scaled(self.floats(self.steps(g.constant([hop]))), 1 / hop)
        f, f_next, start, end, v, v_next = (
            g.op("Unsqueeze", side(x), g.constant([2]))
            for x in (pitch, phase, voiced)
            for side in (self._now, self._next)
        )
        mean_step = self.scaled(g.op("Add", f, f_next), hop / rate / 2)
        gap = g.op("Sub", g.op("Sub", end, start), mean_step)
        gap = g.op("Mul", g.op("Sub", gap, g.op("Round", gap)), v_next)
        bow = g.op("Sub", g.op("Mul", u, u), u)
        bend = g.op("Mul", self.scaled(g.op("Sub", f_next, f), hop / rate / 2), bow)
        moved = g.op("Mul", g.op("Add", mean_step, gap), u)
        cycles = g.op("Add", g.op("Add", start, moved), bend)
        angle = self.scaled(g.op("Sub", cycles, g.op("Round", cycles)), 2 * math.pi)
        highest = self.clamped(g.op("Max", f, f_next), LOWEST_HZ)
        most = g.op("Div", g.constant(HIGHEST_HARMONIC_HZ), highest)
        harmonics = self.shifted(g.op("Floor", most), 0.5)
        below = self.scaled(g.op("Sin", self.scaled(angle, 0.5)), 2.0)
        flat = g.op("LessOrEqual", g.op("Abs", below), g.constant(FLAT))
        above = g.op("Sin", g.op("Mul", harmonics, angle))
        steep = g.op("Div", above, g.op("Where", flat, g.constant(1.0), below))
        wave = self.shifted(g.op("Where", flat, harmonics, steep), -0.5)
        level = g.op("Add", v, g.op("Mul", g.op("Sub", v_next, v), u))
        return self.reshaped(g.op("Mul", wave, level), [1, -1])

    def _noise(self, mel: str) -> tuple[str, str]:
        """Real and imaginary parts, each `[1, F, T]`."""
        g = self.g
        table = self.vocoder.noise.permute(2, 1, 0).flatten(0, 1)[None]  # [1, 2F, frames]
        number = g.op("Mod", self.steps(self.count(mel, 2)), g.constant(NOISE_FRAMES))
        return self.halves(g.op("Gather", self.table("noise", table), number, axis=2))

    def _now(self, x: str) -> str:
        return self.cut(x, 0, -1, 1)

    def _next(self, x: str) -> str:
        return self.cut(x, 1, 2**31 - 1, 1)
