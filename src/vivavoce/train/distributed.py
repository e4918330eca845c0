"""Several processes as one, under torchrun. The environment is read here and nowhere else.

Gradients are averaged explicitly after the backward passes of a phase, all of them in a fixed
order, so phases, accumulation and skipped steps are the same on every process, whichever
parameters a process happened to use.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn

from vivavoce.runtime import select

BUCKET_VALUES = 16 * 2**20
"""Values sent at once: 64 MiB of float32."""


@dataclass(frozen=True)
class Group:
    """One process, numbered `rank` of `world`; `local_rank` counts those on this machine."""

    rank: int = 0
    world: int = 1
    local_rank: int = 0

    @property
    def leads(self) -> bool:
        """Only this process writes."""
        return self.rank == 0

    def device(self, name: str) -> torch.device:
        """The process's own device of the kind that is named. Raises UnsupportedDevice."""
        return select(name, self.local_rank if self.world > 1 else None).device

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its mean over the processes."""
        if self.world == 1:
            return
        for bucket in _buckets(tensors):
            flat = torch.cat([t.detach().reshape(-1) for t in bucket])
            dist.all_reduce(flat)
            flat /= self.world
            parts = flat.split([t.numel() for t in bucket])
            for tensor, part in zip(bucket, parts, strict=True):
                tensor.detach().copy_(part.view_as(tensor))

    def average_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Average `.grad`; a gradient that this process does not have counts as zero."""
        if self.world == 1:
            return
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        self.average([p.grad for p in parameters if p.grad is not None])

    def share(self, tensors: Sequence[Tensor]) -> None:
        """Give every process the first one's values."""
        if self.world > 1:
            for tensor in tensors:
                dist.broadcast(tensor.detach(), 0)

    def any(self, flag: bool, device: torch.device) -> bool:
        """Whether any process says so."""
        if self.world == 1:
            return flag
        votes = torch.tensor(float(flag), device=device)
        dist.all_reduce(votes)
        return votes.item() > 0

    def wait(self) -> None:
        """Until every process is here."""
        if self.world > 1:
            dist.barrier()


def from_environment() -> Group:
    """What torchrun says, or one process alone."""
    read = {k: int(os.environ.get(k, d)) for k, d in _VARIABLES.items()}
    return Group(read["RANK"], read["WORLD_SIZE"], read["LOCAL_RANK"])


def join(group: Group, device: torch.device) -> None:
    """Meet the other processes, with the library that suits the device."""
    if group.world > 1 and not dist.is_initialized():
        backend = dist.get_default_backend_for_device(device)
        own = None if device.type == "cpu" else device
        dist.init_process_group(backend, timeout=timedelta(hours=1), device_id=own)


def leave(group: Group) -> None:
    if group.world > 1 and dist.is_initialized():
        dist.destroy_process_group()


_VARIABLES = {"RANK": 0, "WORLD_SIZE": 1, "LOCAL_RANK": 0}


def _buckets(tensors: Sequence[Tensor]) -> list[list[Tensor]]:
    """Neighbours of one type, up to BUCKET_VALUES together."""
    buckets: list[list[Tensor]] = []
    room = 0
    for tensor in tensors:
        if not buckets or tensor.numel() > room or buckets[-1][0].dtype != tensor.dtype:
            buckets.append([])
            room = BUCKET_VALUES
        buckets[-1].append(tensor)
        room -= tensor.numel()
    return buckets
