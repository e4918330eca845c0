"""Work of fixed shapes, recorded once and played again: a GPU then waits for no Python.

Not run by us on a GPU yet: only its use is tested, on the CPU.
"""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

import torch
from torch import Tensor

Work = Callable[[Tensor], Tensor]
Pool = tuple[int, int]
WARM_UPS = 3
_recording = Lock()
"""CUDA allows one recording at a time in a process."""
_streams: dict[torch.device, torch.cuda.Stream] = {}


def records(device: torch.device) -> bool:
    """Whether work there can be recorded, and gains by it."""
    return device.type == "cuda"


def pool() -> Pool:
    """Memory for recordings that are never played at the same time, to share."""
    return torch.cuda.graph_pool_handle()


def recorded(work: Work, example: Tensor, memory: Pool | None = None) -> Work:
    """`work` as a CUDA graph: whatever tensors it reads or writes besides must stay where they are.

    It runs some times on the example, so doing it again must change nothing. The result is the same
    tensor every time, and belongs to the next recording that is played from the same `memory`: copy
    what is to be kept. Work that cannot be recorded is run as it is, with a warning.

    Other threads may use the device meanwhile, but not record: they wait.
    """
    device, given = example.device, example.clone()
    with _recording, torch.cuda.device(device):
        aside = _stream(device)
        aside.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(aside):
            for _ in range(WARM_UPS):
                work(given)
        torch.cuda.current_stream(device).wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        try:
            with _captured(graph, aside, memory):
                found = work(given)
        except RuntimeError as error:
            why = str(error).partition("\n")[0]
            warnings.warn(
                f"CUDA graphs are not used on {device}, which makes it slower: {why}", stacklevel=2
            )
            return work

    def again(fresh: Tensor) -> Tensor:
        given.copy_(fresh)
        graph.replay()
        return found

    return again


@contextmanager
def _captured(
    graph: torch.cuda.CUDAGraph, aside: torch.cuda.Stream, memory: Pool | None
) -> Iterator[None]:
    """What torch.cuda.graph does, without emptying the allocator's cache and waiting for all.

    `thread_local`: what other threads allocate neither fails nor voids the recording. Nothing is
    collected as garbage meanwhile: destroying an old recording would void this one.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        with torch.cuda.stream(aside):
            graph.capture_begin(
                memory,  # pyright: ignore[reportArgumentType] - torch's name for it is private
                capture_error_mode="thread_local",
            )
            try:
                yield
            finally:
                graph.capture_end()
    finally:
        if collects:
            gc.enable()


def _stream(device: torch.device) -> torch.cuda.Stream:
    """The device's one stream for recording: blocks that a stream frees serve no other."""
    if device not in _streams:
        _streams[device] = torch.cuda.Stream(device)
    return _streams[device]
