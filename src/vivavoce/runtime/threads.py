"""How many threads torch is to use on a small machine: measured a few times, then kept.

A step of a small model is many short pieces of work, and after each its threads wait for one
another. Where other processes keep a thread from its core, that wait is far longer than the work:
on two such cores two threads took 10.7 s for what one does in 0.46 s.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median_low
from typing import TYPE_CHECKING

from vivavoce.errors import OutputError
from vivavoce.runtime.container import processors
from vivavoce.runtime.measurements import MeasurementCache, cpu_model

if TYPE_CHECKING:
    import torch

CACHE_FILE = "threads.json"
VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
SMALL = 4
"""Threads up to which a machine is small; with more, one that waits is a smaller part."""
ROUNDS, PRODUCTS = 4, 25
SHAPE = (64, 256, 512)
"""Rows, inputs and outputs of a product: 17 MFLOP, some 0.1 ms."""
MIN_GAIN = 1.5
"""One thread must be this many times as fast: a machine that is busy now may not be so for long."""
GIVE_UP = 6.0
"""Several threads have lost when they took so many times as long as one."""
ENOUGH = 5
"""Measurements, each by another process: the machine may be busy during one of them."""
decided = False


@dataclass(frozen=True)
class ThreadChoice:
    """How many threads, and why."""

    threads: int
    reason: str


@dataclass(frozen=True)
class ThreadGains:
    """How many times as fast as several threads one was, at the last measurements."""

    gains: tuple[float, ...] = ()

    def and_now(self, gain: float) -> ThreadGains:
        return ThreadGains((*self.gains, round(gain, 2))[-ENOUGH:])

    def choice(self, several: int) -> ThreadChoice:
        """By the middle one; of two the lower, so that one quiet moment undoes one busy moment."""
        gain = median_low(self.gains)
        if gain >= MIN_GAIN:
            return ThreadChoice(1, f"one is {gain:.1f} times as fast as {several} here")
        return ThreadChoice(several, f"{several} take {gain:.2f} of the time of one")


def choose_threads(cache_folder: Path | None, anew: bool = False) -> ThreadChoice:
    """One, or as many as torch has: what was faster here.

    The first `ENOUGH` processes measure it (0.05 s each), and what they found is kept. `anew` adds
    a measurement to those, in place of the oldest.

    A container's share of the processors limits them. Nothing is measured where the environment
    says how many, on one core, on machines that are not small, or without a folder to keep the
    answer: a choice that changes from run to run would change the last digits of results.
    """
    import torch

    own, allowed = torch.get_num_threads(), processors()
    several = min(own, allowed)
    told = next((name for name in VARIABLES if os.environ.get(name)), None)
    if told is not None:
        return ThreadChoice(own, f"{told} is set")
    if several == 1:
        return ThreadChoice(1, "one core")
    if several < own and several > SMALL:
        return ThreadChoice(several, f"this process may use {allowed} processors")
    if several > SMALL or cache_folder is None:
        return ThreadChoice(several, "torch's own number, not measured")
    cache = MeasurementCache(cache_folder / CACHE_FILE)
    key = f"{cpu_model()} | torch {torch.__version__} | {several} threads"
    found = cache.read(key, ThreadGains) or ThreadGains()
    if anew or len(found.gains) < ENOUGH:
        found = found.and_now(measure(several))
        with suppress(OutputError):
            cache.write(key, found)
    return found.choice(several)


def use_measured_threads(cache_folder: Path | None) -> None:
    """Tell torch what was chosen: once in a process, by the first model that is loaded."""
    import torch

    global decided
    if not decided:
        decided = True
        torch.set_num_threads(choose_threads(cache_folder).threads)


def measure(several: int) -> float:
    """How many times as fast as several threads one is, over short products, in turn.

    All of the time counts, and not the best of it: what is rare but long is what hurts.
    """
    import torch

    before, one_s, several_s = torch.get_num_threads(), 0.0, 0.0
    rows, n_in, n_out = SHAPE
    x, weight = torch.ones(rows, n_in), torch.ones(n_out, n_in)
    try:
        for _ in range(ROUNDS):
            one_s += _seconds(1, x, weight)
            several_s += _seconds(several, x, weight)
            if several_s > GIVE_UP * one_s:
                break
    finally:
        torch.set_num_threads(before)
    return several_s / one_s


def _seconds(threads: int, x: torch.Tensor, weight: torch.Tensor) -> float:
    import torch

    torch.set_num_threads(threads)
    torch.nn.functional.linear(x, weight)  # threads begin here, where they have to
    begin = time.perf_counter()
    for _ in range(PRODUCTS):
        torch.nn.functional.linear(x, weight)
    return time.perf_counter() - begin
