"""Vocos as nodes of an ONNX graph. Shapes: M mels, T frames, S samples; the batch is 1."""

from __future__ import annotations

from vivavoce.audio import tables
from vivavoce.checkpoints.onnx_layers import GraphSamples, LayerGraph
from vivavoce.checkpoints.onnx_write import GraphWriter
from vivavoce.nn.convolution import CONVNEXT_EPS
from vivavoce.vocoders.vocos.config import LOUDEST_MAGNITUDE
from vivavoce.vocoders.vocos.model import Vocos


def graph(g: GraphWriter, vocoder: Vocos, features: str, _condition: str) -> GraphSamples:
    """Samples `[1, S]` of features `[1, M, T]`."""
    layers = LayerGraph(g, vocoder.state_dict(), "vocoder.")
    spec = vocoder.accepts
    rows = layers.convnext_backbone(features, "backbone", vocoder.config.n_layers, CONVNEXT_EPS)
    log_magnitude, phase = layers.halves(layers.turned(layers.linear(rows, "head")))
    magnitude = layers.clamped(g.op("Exp", log_magnitude), high=LOUDEST_MAGNITUDE)
    parts = [g.op("Mul", magnitude, g.op(wave, phase)) for wave in ("Cos", "Sin")]
    window = tables.window(spec.window, spec.win_length, spec.n_fft)
    spectrum = g.op("Concat", *parts, axis=1)
    return GraphSamples(layers.inverse_transform(spectrum, spec, window))
