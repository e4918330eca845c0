"""What the portable engine must see to around the work: errors in words, threads, fast paths."""

from __future__ import annotations

import importlib
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from vivavoce.errors import AuditError, VivavoceError

ELSEWHERE = re.compile(
    r"from the '(MPS|CUDA|HIP|XPU)' backend|not compiled with|not linked with"
    r"|NVIDIA driver|CUDA GPUs|cuda\.is_available|HIP GPUs"
)
THREADS = "Call the work without threads, or use --strict, which sees every thread."
ALONE = (
    "Run it alone on the CPU. If it works there it has tensors that this engine cannot take apart "
    "(sparse, nested): try --strict."
)
ON_CPU = (
    "The portable engine computes on the CPU in the device's stead: build everything there, "
    "or use --strict, which has a stand-in 'mps' device."
)


@contextmanager
def guarded(engine: Any) -> Iterator[None]:
    """Turns whatever the work raises into AuditError, with its own words."""
    try:
        yield
    except VivavoceError:
        raise
    except Exception as error:
        said = f"{type(error).__name__}: {_first_sentence(str(error))}"
        if ELSEWHERE.search(said):
            raise AuditError(f"The work asks for another device ({said}).", ON_CPU) from error
        raise AuditError(
            f"The work failed while it was audited ({said}), after {len(engine.reached)} different "
            f"operators.",
            ALONE,
        ) from error


def _first_sentence(text: str) -> str:
    """Torch adds whole tables to some messages."""
    return text.strip().partition("\n")[0].partition(". ")[0].rstrip(".")


@contextmanager
def mha_as_on_device() -> Iterator[None]:
    """nn.MultiheadAttention has a fast path for the CPU that the device does not take."""
    # A string, because only device/ may name backends: this one is a switch of nn, not a device.
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

    It is not imported for that, which takes seconds: nothing is compiled without it.
    """
    if "torch._dynamo" not in sys.modules:
        yield
        return
    with torch.compiler.set_stance("force_eager"):
        yield


class _Witness(TorchDispatchMode):
    """Notes that a thread computes with torch."""

    def __init__(self, seen: list[str]) -> None:
        super().__init__()
        self._seen = seen

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self._seen.append(f"{func} in thread '{threading.current_thread().name}'")
        return func(*args, **(kwargs or {}))


@contextmanager
def watched_threads() -> Iterator[None]:
    """Raises AuditError at the end if threads started meanwhile computed with torch.

    Threads that only wait, write or draw bars are nobody's business.
    """
    seen: list[str] = []
    start = threading.Thread.start

    def started(self: threading.Thread) -> None:
        self.run = _witnessed(self.run, seen)
        start(self)

    threading.Thread.start = started
    try:
        yield
    finally:
        threading.Thread.start = start
    if seen:
        raise AuditError(f"The work computes in threads ({seen[0]}), unseen by the audit.", THREADS)


def _witnessed(run: Callable[[], None], seen: list[str]) -> Callable[[], None]:
    def wrapped() -> None:
        with _Witness(seen):
            run()

    return wrapped
