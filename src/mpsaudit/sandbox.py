"""What surrounds audited work in the portable engine: failures, threads, fast paths, compilers."""

from __future__ import annotations

import importlib
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sized
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from mpsaudit.code_location import CodeLocations
from mpsaudit.collector import Collector
from mpsaudit.errors import AuditError, MpsAuditError

OTHER_DEVICE = re.compile(
    r"from the '(MPS|CUDA|HIP|XPU)' backend|not compiled with|not linked with"
    r"|NVIDIA driver|CUDA GPUs|cuda\.is_available|HIP GPUs"
)
NO_THREADS = "Call the code without threads, or use --strict, which sees every thread."
RUN_ALONE = (
    "Run it on the CPU without the audit. If it works, it has tensors that this engine cannot "
    "decompose (sparse, nested): try --strict."
)
ON_CPU = (
    "The portable engine computes on the CPU: build everything there, or use --strict, which has "
    "a stand-in 'mps' device."
)
CONCURRENT = (
    "two Python threads compute at the same time, which ends the process on MPS (pytorch #197805)"
)
WAIT_S = 0.001
WAITS = 500


@contextmanager
def failures_in_words(reached: Sized) -> Iterator[None]:
    """Turns whatever the work raises into AuditError, with its own words."""
    try:
        yield
    except MpsAuditError:
        raise
    except Exception as error:
        message = f"{type(error).__name__}: {_first_sentence(str(error))}"
        if OTHER_DEVICE.search(message):
            raise AuditError(f"The code uses another device ({message}).", ON_CPU) from error
        raise AuditError(
            f"The code failed ({message}) after {len(reached)} different operators.",
            RUN_ALONE,
        ) from error


def _first_sentence(text: str) -> str:
    """Torch adds whole tables to some messages."""
    return text.strip().partition("\n")[0].partition(". ")[0].rstrip(".")


@contextmanager
def without_cpu_fast_path() -> Iterator[None]:
    """nn.MultiheadAttention has a fast path on the CPU that MPS does not take."""
    switch = importlib.import_module("torch.backends.mha")
    before = switch.get_fastpath_enabled()
    switch.set_fastpath_enabled(False)
    try:
        yield
    finally:
        switch.set_fastpath_enabled(before)


@contextmanager
def uncompiled() -> Iterator[None]:
    """Compiled functions run as they are written: the compiler would trace the audit too.

    The compiler is not imported for that, which takes seconds.
    """
    if "torch._dynamo" not in sys.modules:
        yield
        return
    with torch.compiler.set_stance("force_eager"):
        yield


class Threads:
    """Sees which threads compute, and whether two do so at the same time.

    Work that holds a lock around its steps never has two operators in progress. To make an
    overlap likely where there is no lock, each operator waits a moment until one was seen.
    """

    def __init__(self, locations: CodeLocations) -> None:
        self.started = False
        self._locations = locations
        self._lock = threading.Lock()
        self._busy: set[int] = set()
        self._computed = ""
        self._overlap = ""
        self._waits = WAITS

    @contextmanager
    def computing(self, func: Any) -> Iterator[None]:
        """Surrounds an operator of any thread."""
        thread = threading.current_thread()
        with self._lock:
            outermost = thread.ident not in self._busy
            if outermost:
                self._busy.add(thread.ident or 0)
                if len(self._busy) > 1 and not self._overlap:
                    self._overlap = self._locations.current()[0]
            if thread is not threading.main_thread():
                self._computed = self._computed or f"{func} in thread '{thread.name}'"
            wait = outermost and self._waits > 0 and not self._overlap
            self._waits -= wait
        try:
            if wait:
                time.sleep(WAIT_S)
            yield
        finally:
            if outermost:
                with self._lock:
                    self._busy.discard(thread.ident or 0)

    def report(self, collector: Collector) -> None:
        """A finding if two threads computed at once; raises AuditError if others computed."""
        if self._overlap:
            collector.note("(threads)", "error", CONCURRENT, place=self._overlap)
        elif self._computed:
            raise AuditError(
                f"The code computes in threads ({self._computed}), unseen by the audit.",
                NO_THREADS,
            )


class _ThreadMode(TorchDispatchMode):
    """Tells `Threads` about the operators of one thread."""

    def __init__(self, threads: Threads) -> None:
        super().__init__()
        self._threads = threads

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        with self._threads.computing(func):
            return func(*args, **(kwargs or {}))


@contextmanager
def watched_threads(threads: Threads) -> Iterator[None]:
    """Watches every thread that is started inside. Threads that only wait or write are allowed."""
    start = threading.Thread.start

    def started(self: threading.Thread) -> None:
        threads.started = True
        self.run = _watched(self.run, threads)
        start(self)

    threading.Thread.start = started
    try:
        yield
    finally:
        threading.Thread.start = start


def _watched(run: Callable[[], None], threads: Threads) -> Callable[[], None]:
    def wrapped() -> None:
        with _ThreadMode(threads):
            run()

    return wrapped
