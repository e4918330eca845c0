"""Spectral normalisation (Miyato et al. 2018, arXiv:1802.05957) of operators native everywhere.

Torch's own calls `vdot`, which Apple's GPUs have from torch 2.11 on only.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

EPS = 1e-12


class SpectralNorm(nn.Module):
    """Divides a weight `[C, ...]` by an estimate of its largest singular value.

    Every forward pass in training mode improves the estimate by one power iteration; `u` and `v`
    are its vectors.
    """

    u: Tensor
    v: Tensor

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        matrix = weight.detach().flatten(1)
        self.register_buffer("u", F.normalize(torch.randn(len(matrix)), dim=0, eps=EPS))
        self.register_buffer("v", F.normalize(torch.randn(matrix.shape[1]), dim=0, eps=EPS))

    def forward(self, weight: Tensor) -> Tensor:
        matrix = weight.flatten(1)
        # Copies: a later pass changes the buffers before this one's backward reads them.
        u, v = self.u.clone(), self.v.clone()
        if self.training:
            with torch.no_grad():
                v = F.normalize(matrix.t() @ u, dim=0, eps=EPS)
                u = F.normalize(matrix @ v, dim=0, eps=EPS)
                self.u.copy_(u)
                self.v.copy_(v)
        return weight / (u * (matrix @ v)).sum()


def spectral_norm(module: nn.Module) -> nn.Module:
    """The module with its `weight` normalised in every forward pass."""
    weight = module.get_parameter("weight")
    parametrize.register_parametrization(module, "weight", SpectralNorm(weight), unsafe=True)
    return module
