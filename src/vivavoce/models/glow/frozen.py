"""The inverse flow with weights that no longer change: half the products. Knows no text.

Four steps of a 5-tap convolution take 8 products instead of 20: filter and signal are polynomials,
multiplied at eight points and interpolated (Toom 1963; Winograd 1980, as in Lavin and Gray 2016,
arXiv:1509.09308). The filters are taken to the points once. Time lies as `[phase, tile]`, four
phases a tile, so that both transforms are plain products; what is left of a convolution is one
product a point.
Shapes: B rows, T frames, P points, N tiles (all rows' one after the other, a zero tile between two),
R = 4 N frames in that order, C channels, H hidden channels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

if TYPE_CHECKING:
    from vivavoce.models.glow.decoder import Coupling, Decoder, FlowStep, WaveNet

TILE = 4
POINTS = (0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5)  # and infinity
ONE = POINTS.index(1.0)


class Layer(NamedTuple):
    filters: Tensor  # [P, H, 2H]
    bias: Tensor  # [2H]
    residual: Tensor  # [H, H], and none from the last layer
    residual_bias: Tensor


class Flow(NamedTuple):
    start: Tensor  # [C/2, H]
    start_bias: Tensor
    layers: list[Layer]
    condition: tuple[Tensor, Tensor] | None  # [G, layers 2H] and its bias
    end: Tensor  # [layers H, C]: skip connections and the closing convolution in one
    end_bias: Tensor
    inverse: Tensor  # [C, C]
    inverse_bias: Tensor


class FrozenDecoder:
    """A copy of a decoder's weights in the order in which `reverse` multiplies."""

    def __init__(self, decoder: Decoder) -> None:
        self.n_squeeze = decoder.n_squeeze
        self.transforms = transforms(decoder.couplings[0].wavenet.inputs[0].kernel_size[0])
        with torch.no_grad():
            self.flows = [
                self._flow(step, coupling)
                for step, coupling in zip(decoder.steps, decoder.couplings, strict=True)
            ]
        self.sigmoid_scale = decoder.couplings[0].sigmoid_scale

    @staticmethod
    def fits(decoder: Decoder) -> bool:
        convs = [conv for coupling in decoder.couplings for conv in coupling.wavenet.inputs]
        return all(
            c.kernel_size in ((3,), (5,))
            and c.dilation == (1,)
            and c.weight.device.type == "cpu"
            and c.weight.dtype == torch.float32
            for c in convs
        )
