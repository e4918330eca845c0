"""What this CPU can do at best, and how near to that a stage of speech comes.

The floor of a product is the longer of two times: its operations at the rate at which the machine
multiplies matrices, and its weights at the rate at which memory gives them. A stage's floor is
the sum over its products; all else that it does is what keeps it from its floor. Weights that stay
in the processor's cache, and products in lower formats, can be faster than this floor.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from vivavoce.speech.session import Stages

T = TypeVar("T")

SIDE, PRODUCTS = 512, 20
"""Of the square matrices that are multiplied: 0.27 GFLOP, short enough to find an idle moment."""
COPIED, STRETCH = 2**25, 2**20
"""Values that are copied, 4 MB at a time: 128 MB, more than most caches hold."""
WEIGHT = {"linear": 1, "mm": 1, "bmm": 1, "addmm": 2, "baddbmm": 2, "convolution": 1}
"""Which argument of a product its weights are; those of attention are none."""


@dataclass(frozen=True)
class MachineFloor:
    """The rates of this machine, with torch's threads, in float32."""

    product_gflops: float
    bandwidth_gb_s: float

    def seconds(self, operations: float, weights: float) -> float:
        """What a product of so many floating-point operations and bytes of weights needs."""
        return max(operations / self.product_gflops, weights / self.bandwidth_gb_s) / 1e9


@torch.inference_mode()
def measure_floor() -> MachineFloor:
    """The best of several products and the median of many copies, in less than a second."""
    a, b = torch.ones(SIDE, SIDE), torch.ones(SIDE, SIDE)
    product_s = min(_seconds(lambda: a @ b) for _ in range(PRODUCTS))
    source, target = (torch.ones(COPIED).split(STRETCH) for _ in range(2))
    copies = zip(source, target, strict=True)
    copy_s = median(_seconds(lambda f=f, t=t: t.copy_(f)) for f, t in copies)
    moved = 2 * STRETCH * a.itemsize  # read and written
    return MachineFloor(round(2e-9 * SIDE**3 / product_s, 1), round(1e-9 * moved / copy_s, 1))


def _seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


class StageFloors(Stages):
    """Sums each stage's floor in place of its time."""

    def __init__(self, floor: MachineFloor) -> None:
        super().__init__()
        self.floor = floor

    def timed(self, stage: str, device: torch.device, work: Callable[[], T]) -> T:
        with CountProducts(self.floor) as counted:
            result = work()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + counted.seconds
        return result


class CountProducts(TorchDispatchMode):
    """Adds up the floor of every product inside."""

    def __init__(self, floor: MachineFloor) -> None:
        super().__init__()
        self.floor, self.seconds = floor, 0.0

    def __torch_dispatch__(
        self,
        func: OpOverload,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> object:
        named, packet = dict(kwargs or {}), func._overloadpacket
        name = packet._qualified_op_name.partition("::")[2].strip("_")
        if name in WEIGHT:
            packet = getattr(torch.ops.aten, name)  # in place is the same work
        if packet not in flop_registry and name != "linear_pointwise":
            with self:  # what is made of other operators, as inference mode leaves it
                made = func.decompose(*args, **named)
            return func(*args, **named) if made is NotImplemented else made
        result = func(*args, **named)
        if name == "linear_pointwise":
            operations, weights = 2 * args[0].numel() * args[1].shape[0], _size(args[1])
        else:
            operations = flop_registry[packet](*args, **named, out_val=result)
            weights = _size(args[WEIGHT[name]]) if name in WEIGHT else 0
        self.seconds += self.floor.seconds(operations, weights)
        return result


def _size(tensor: Tensor) -> int:
    return tensor.numel() * tensor.itemsize
