"""Run in a process of its own: which forms our work takes on a stand-in mps:0.

Prints as JSON the dimensions of what linear layers are given, whether weights and inputs lie
together, and the masks and `is_causal` of attention.
"""

from __future__ import annotations

import json

import torch
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from mpsaudit.device_standin import standin
from vivavoce.models import MODELS
from vivavoce.runtime.attention import cached_attention

WORKS = ("f5.bfloat16", "f5.batch", "f5.e2", "xtts.batch", "xtts.recording")


class Calls(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.dimensions: set[int] = set()
        self.together: set[bool] = set()
        self.masks: set[str] = set()
        self.causal: set[bool] = set()

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func is F.linear and args[0].device.type == "mps":
            self.dimensions.add(args[0].dim())
            self.together.add(args[0].is_contiguous() and args[1].is_contiguous())
        if func is F.scaled_dot_product_attention and args[0].device.type == "mps":
            mask = kwargs.get("attn_mask")
            self.masks.add("none" if mask is None else str(mask.dtype))
            self.causal.add(kwargs.get("is_causal", False))
        return func(*args, **kwargs)


def report() -> dict[str, object]:
    standin()
    device = torch.device("mps")
    with Calls() as calls, torch.inference_mode():
        for name in WORKS:
            MODELS.workloads()[name].build(device)()
        half = torch.ones(1, 2, 5, 64, device=device, dtype=torch.bfloat16)
        cached_attention(half, half, half, causal=True)
    return {
        "dimensions": sorted(calls.dimensions),
        "together": sorted(calls.together),
        "masks": sorted(calls.masks),
        "causal": sorted(calls.causal),
    }


if __name__ == "__main__":
    print(json.dumps(report()))
