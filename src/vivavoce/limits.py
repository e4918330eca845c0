"""What reading one foreign file may cost, and one guard that makes every failure a typed error."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path

from vivavoce.errors import BadCheckpoint, VivavoceError

DAMAGED = "The file is incomplete or damaged; download it again."
RAISE = "If you trust the file, raise the limits: vivavoce --limits 10 …, or limits.raised(10)."
_LONGEST_REASON = 300


@dataclass(frozen=True)
class Limits:
    """The most that reading one file may take; `times` raises all of it.

    bytes: of text, and of what a pickle or a header describes or copies. Tensors that the file
        holds do not count. A higher value lets larger configurations and vocabularies in.
    objects: values in a text, steps of a pickle. A million take a few seconds and 200 MB.
    depth: of tables in tables.
    seconds: after which reading is given up. Single steps are not interrupted.
    """

    bytes: int = 64 << 20
    objects: int = 1_000_000
    depth: int = 100
    seconds: float = 60.0

    def times(self, factor: float) -> Limits:
        """These limits multiplied by `factor`; the depth stays, it bounds recursion."""
        return replace(
            self,
            bytes=int(self.bytes * factor),
            objects=int(self.objects * factor),
            seconds=self.seconds * factor,
        )


DEFAULT = Limits()
"""Stands for these values times the factor of `raised`, where one is in force."""

_FACTOR: ContextVar[float] = ContextVar("factor", default=1.0)


@contextmanager
def raised(factor: float) -> Iterator[None]:
    """Files read inside, in this thread, may take `factor` times the default limits."""
    token = _FACTOR.set(factor)
    try:
        yield
    finally:
        _FACTOR.reset(token)


def in_force(limits: Limits) -> Limits:
    """The limits themselves, or for DEFAULT what `raised` makes of it."""
    return limits.times(_FACTOR.get()) if limits is DEFAULT else limits


class Budget:
    """What is left of the limits while one file is read."""

    def __init__(self, limits: Limits = DEFAULT) -> None:
        self.limits = limits = in_force(limits)
        self.objects, self.bytes, self.views = limits.objects, limits.bytes, limits.bytes
        self._deadline = time.monotonic() + limits.seconds
        self._next_look = self.objects

    def spend(self, objects: int = 1, n_bytes: int = 0) -> None:
        """Raises BadCheckpoint when the objects, the bytes or the time are used up."""
        self.objects -= objects
        self.bytes -= n_bytes
        if self.objects < 0:
            raise too_much(f"more than {self.limits.objects} values")
        if self.bytes < 0:
            raise too_much(f"more than {self.limits.bytes} bytes of metadata")
        if self.objects < self._next_look:
            self._next_look = self.objects - 4096
            if time.monotonic() > self._deadline:
                raise too_much(f"more than {self.limits.seconds:g} s to read it")

    def allow_views(self, n_bytes: int) -> None:
        """A storage of this size was met: tensors may show four times as much of it."""
        self.views += 4 * n_bytes

    def view(self, n_bytes: int) -> None:
        """Raises BadCheckpoint when tensors show the same numbers again and again.

        Such a tensor costs nothing until it is copied. Honest files share some numbers.
        """
        self.views -= n_bytes
        if self.views < 0:
            raise too_much("tensors that repeat the same numbers many times")

    def check_depth(self, depth: int) -> None:
        if depth > self.limits.depth:
            raise too_much(f"more than {self.limits.depth} levels of nesting")


def too_much(what: str) -> BadCheckpoint:
    """The error for a file that exceeds a limit, with the way to raise it."""
    return BadCheckpoint(f"The file exceeds a limit: {what}.", RAISE)


def read_bytes(path: Path, limits: Limits = DEFAULT) -> bytes:
    """A small file's content. Raises OSError, BadCheckpoint when it is larger than the limit."""
    limits = in_force(limits)
    with path.open("rb") as file:
        content = file.read(limits.bytes + 1)
    if len(content) > limits.bytes:
        raise too_much(f"more than {limits.bytes} bytes")
    return content


def describe(value: object) -> str:
    """A value from a file for a message: short, whatever it is. Containers give their type."""
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else f"{value[:60]}…")
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, int):
        return str(value) if abs(value) < 10**20 else "a very large integer"
    if isinstance(value, float):
        return repr(value)
    return f"a {type(value).__name__}"


@contextmanager
def guard(
    path: str | Path, error: type[VivavoceError] = BadCheckpoint, advice: str = DAMAGED
) -> Iterator[None]:
    """Turn every failure of reading `path` into `error`, with the path and the cause.

    A typed error keeps its type and its advice; the path is put before a message without it.
    """
    try:
        yield
    except VivavoceError as known:
        if str(path) in known.message:
            raise
        message = f"{path}: {known.message}"
        raise type(known)(message, known.advice or advice) from known
    except OSError as cause:
        reason = cause.strerror or str(cause)
        raise error(f"Cannot read {path}: {reason}.", "Check the path.") from cause
    except Exception as cause:
        raise error(f"{path} cannot be read ({reason_of(cause)}).", advice) from cause


def reason_of(cause: BaseException) -> str:
    """A failure in one short line. Numbers of a million digits cannot even be printed."""
    if isinstance(cause, RecursionError):
        return "it is nested too deeply"
    if isinstance(cause, MemoryError):
        return "it does not fit into memory"
    try:
        text = " ".join(str(cause).split())
    except Exception:  # noqa: BLE001 - printing a foreign value
        text = ""
    cut = text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]}…"
    return f"{type(cause).__name__}: {cut}" if cut else type(cause).__name__
