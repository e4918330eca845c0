"""HiFi-GAN as nodes of an ONNX graph. Shapes: M mels, T frames, S samples; the batch is 1."""

from __future__ import annotations

from vivavoce.checkpoints.onnx_layers import GraphSamples, LayerGraph
from vivavoce.checkpoints.onnx_write import GraphWriter
from vivavoce.vocoders.hifigan.config import LAST_SLOPE, SLOPE, HifiganConfig
from vivavoce.vocoders.hifigan.model import Hifigan


def graph(g: GraphWriter, vocoder: Hifigan, features: str, condition: str) -> GraphSamples:
    """Samples `[1, S]` of features `[1, M, T]`; `condition` `[1, D, 1]` is the speaker."""
    layers = HifiganGraph(g, vocoder.state_dict(), "vocoder.")
    samples = layers.samples(features, condition, vocoder.config)
    return GraphSamples(g.op("Squeeze", samples, g.constant([1])))


class HifiganGraph(LayerGraph):
    def samples(self, x: str, condition: str, config: HifiganConfig) -> str:
        """`[1, 1, S]`."""
        g = self.g
        if config.edge_frames:
            first = [self.cut(x, 0, 1, 2)] * config.edge_frames
            last = [self.cut(x, -1, 2**31 - 1, 2)] * config.edge_frames
            x = g.op("Concat", *first, x, *last, axis=2)
        x = self.conv(x, "first")
        if condition:
            x = g.op("Add", x, self.conv(condition, "condition"))
        for stage, rate in enumerate(config.rates):
            at = f"stages.{stage}"
            x = self.upsampling(g.op("LeakyRelu", x, alpha=SLOPE), f"{at}.upsample", rate)
            if condition and config.condition_stages:
                x = g.op("Add", x, self.conv(condition, f"{at}.condition"))
            blocks = [
                self._block(x, f"{at}.blocks.{number}", dilations, config.block == 1)
                for number, dilations in enumerate(config.block_dilations)
            ]
            x = self.scaled(g.op("Sum", *blocks), 1 / len(blocks))
        return g.op("Tanh", self.conv(g.op("LeakyRelu", x, alpha=LAST_SLOPE), "last"))

    def _block(self, x: str, at: str, dilations: tuple[int, ...], pairs: bool) -> str:
        g = self.g
        for number, dilation in enumerate(dilations):
            y = g.op("LeakyRelu", x, alpha=SLOPE)
            y = self.conv(y, f"{at}.dilated.{number}", dilation)
            if pairs:
                y = self.conv(g.op("LeakyRelu", y, alpha=SLOPE), f"{at}.plain.{number}")
            x = g.op("Add", x, y)
        return x
