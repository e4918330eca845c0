"""Work of fixed shapes, recorded once and played again: a GPU then waits for no Python.

Not run by us on a GPU yet: only its use is tested, on the CPU.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Work = Callable[[Tensor], Tensor]
WARM_UPS = 3


def records(device: torch.device) -> bool:
    """Whether work there can be recorded, and gains by it."""
    return device.type == "cuda"


def recorded(work: Work, example: Tensor) -> Work:
    """`work` as a CUDA graph: whatever tensors it reads or writes besides must stay where they are.

    It runs some times on the example, so doing it again must change nothing. The result is the same
    tensor every time: copy what is to be kept.
    """
    given = example.clone()
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(WARM_UPS):
            work(given)
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        found = work(given)

    def again(fresh: Tensor) -> Tensor:
        given.copy_(fresh)
        graph.replay()
        return found

    return again
