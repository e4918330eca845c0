"""A linear layer whose weights lie in oneDNN's order. Imported only when it is used."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vivavoce.device.kernels import MIN_WEIGHTS


class PackedLinear(nn.Module):
    """`nn.Linear` for frozen weights on the CPU, float32 or bfloat16: `[..., in]` to `[..., out]`.

    It has no `weight`: code that reads `layer.weight` fails instead of computing with a copy.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.bias = linear.bias
        with torch.no_grad():
            self._packed = pack(linear.weight)

    @staticmethod
    def gains(linear: nn.Linear) -> bool:
        """Whether the layer is of the kind that can, and is large enough to, gain."""
        weight = linear.weight
        return (
            weight.device.type == "cpu"
            and weight.dtype in (torch.float32, torch.bfloat16)
            and weight.numel() >= MIN_WEIGHTS
            and not linear._forward_pre_hooks  # weight norm and the like compute it anew
        )

    def forward(self, x: Tensor) -> Tensor:
        return packed_linear(x, self._packed, self.bias)

    def gelu(self, x: Tensor) -> Tensor:
        """GELU (its tanh form) of the layer, without another pass over memory."""
        operator = torch.ops.mkldnn._linear_pointwise
        return operator(x, self._packed, self.bias, "gelu", [], "tanh")


def pack(weight: Tensor) -> Tensor:
    """`[out, in]` in oneDNN's own order; good for any number of rows."""
    return torch.ops.mkldnn._reorder_linear_weight(weight.detach(), None)


def packed_linear(x: Tensor, packed: Tensor, bias: Tensor | None) -> Tensor:
    """`x @ weight.T + bias` with a packed weight."""
    return torch.ops.mkldnn._linear_pointwise(x, packed, bias, "none", [], "")
