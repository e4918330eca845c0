"""Low-rank adapters on linear layers (Hu et al., arXiv:2106.09685): W + alpha/rank · B·A.

A layer keeps its name, weight and bias, so that an adapted module takes the same files; the two
factors lie beside them as `lora_A` and `lora_B`, as PEFT names them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FACTORS = (".lora_A.weight", ".lora_B.weight")


class LowRankLinear(nn.Linear):
    """A frozen layer and a trained change of rank `rank`, zero at first.

    A higher rank can learn more and costs (in + out) weights each; `alpha / rank` is how strongly
    the change counts.
    """

    def __init__(self, base: nn.Linear, rank: int, alpha: float) -> None:
        nn.Module.__init__(self)
        self.in_features, self.out_features = base.in_features, base.out_features
        self.weight, self.bias = base.weight, base.bias
        self.scale = alpha / rank
        where = {"device": base.weight.device, "dtype": torch.float32}
        self.lora_A = nn.Linear(self.in_features, rank, bias=False, **where)
        self.lora_B = nn.Linear(rank, self.out_features, bias=False, **where)
        nn.init.kaiming_uniform_(self.lora_A.weight, a=math.sqrt(5))
        nn.init.zeros_(self.lora_B.weight)

    def forward(self, x: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        change = self.lora_B(self.lora_A(x.to(self.lora_A.weight.dtype)))
        return torch.add(F.linear(x, self.weight, self.bias), change, alpha=self.scale)

    @torch.no_grad()
    def merged_weight(self) -> Tensor:
        """`[out, in]` float32 with the change in it."""
        change = self.lora_B.weight.float() @ self.lora_A.weight.float()
        return self.weight.float() + self.scale * change


def attach(module: nn.Module, targets: Iterable[str], rank: int, alpha: float) -> list[str]:
    """Adapts the linear layers whose names match a pattern, and freezes all else; their names."""
    patterns = tuple(targets)
    found = [
        name
        for name, layer in module.named_modules()
        if type(layer) is nn.Linear and any(fnmatchcase(name, p) for p in patterns)
    ]
    module.requires_grad_(False)
    for name in found:
        parent, _, last = name.rpartition(".")
        layer = module.get_submodule(name)
        assert isinstance(layer, nn.Linear)
        setattr(module.get_submodule(parent), last, LowRankLinear(layer, rank, alpha))
    return found


def adapters(module: nn.Module) -> dict[str, LowRankLinear]:
    """The adapted layers by name."""
    return {n: layer for n, layer in module.named_modules() if isinstance(layer, LowRankLinear)}


def factor_tensors(module: nn.Module) -> dict[str, Tensor]:
    """The factors alone: `NAME.lora_A.weight` `[rank, in]`, `NAME.lora_B.weight` `[out, rank]`."""
    return {k: v for k, v in module.state_dict().items() if k.endswith(FACTORS)}


def merged_state(module: nn.Module) -> dict[str, Tensor]:
    """The module's tensors as if it had never been adapted, the changes in its weights."""
    state = {k: v for k, v in module.state_dict().items() if not k.endswith(FACTORS)}
    return state | {f"{n}.weight": layer.merged_weight() for n, layer in adapters(module).items()}


def settings(rank: int, alpha: float, targets: Iterable[str]) -> Mapping[str, object]:
    """PEFT's `adapter_config.json`; `targets` are the adapted layers' names."""
    return {
        "peft_type": "LORA",
        "task_type": None,
        "r": rank,
        "lora_alpha": alpha,
        "lora_dropout": 0.0,
        "bias": "none",
        "use_rslora": False,
        "target_modules": sorted(targets),
    }
