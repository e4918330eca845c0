"""What bulk work is made of, as plain values that travel between processes."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

ROWS = 8


@dataclass(frozen=True)
class BulkItem:
    """One text to speak into one file, `out` and the format's suffix.

    `voice` is a speaker's name or a voice file; `ref` a recording to clone, with its words in
    `transcript`. Empty fields and `None` mean the values for all items.
    """

    id: str
    text: str
    voice: str = ""
    ref: str = ""
    transcript: str = ""
    language: str = ""
    speed: float = 1.0
    seed: int | None = None
    options: dict[str, Any] = field(default_factory=dict)
    out: str = ""

    @property
    def group(self) -> tuple[str, ...]:
        """Items of one group may share a step of the model."""
        how = self.voice, self.ref, self.transcript, self.language, repr(self.speed)
        return (*how, repr(sorted(self.options.items())))


@dataclass(frozen=True)
class Wrong:
    """A line or an item without a file, and the reason. `kind` is the name of the error."""

    id: str
    line: int
    kind: str
    reason: str


@dataclass(frozen=True)
class Batch:
    """Items that are spoken side by side, as the plan has it whatever is done by now.

    Those whose ids are in `done` are spoken with the others, so that these come out the same, and
    are not written.
    """

    number: int
    items: tuple[BulkItem, ...]
    done: tuple[str, ...] = ()


@dataclass(frozen=True)
class Loading:
    """Arguments of `vivavoce.load`. `threads` are those of each worker; 0 is torch's default."""

    model: str = ""
    vocoder: str = ""
    device: str = "auto"
    precision: str = "auto"
    fast: bool = False
    threads: int = 0


@dataclass(frozen=True)
class Manner:
    """Settings for all items. `store` is a cache folder of speech for later runs.

    `speed` multiplies that of an item; `options` are the model's, in addition to the item's.
    """

    format: str = "flac"
    sample_rate: int = 0
    rows: int = ROWS
    voice: str = ""
    ref: str = ""
    transcript: str = ""
    language: str = ""
    speed: float = 1.0
    seed: int = 0
    on_problem: str = "error"
    options: dict[str, Any] = field(default_factory=dict)
    store: str = ""


@dataclass(frozen=True)
class BulkRow:
    """The result of an item: a file, or an error with its `kind` and `reason`.

    `split` is how many items were spoken at once where the batch was too large for the memory or
    had killed its worker; 0 where it was spoken as planned.
    """

    id: str
    file: str = ""
    seconds: float = 0.0
    size: int = 0
    sha256: str = ""
    warnings: tuple[str, ...] = ()
    kind: str = ""
    reason: str = ""
    made_s: float = 0.0
    worker: str = ""
    device: str = ""
    split: int = 0

    @property
    def failed(self) -> bool:
        return bool(self.kind)


@dataclass(frozen=True)
class Hello:
    """What a worker says when its model is loaded. `facts` have to be those of every worker."""

    facts: dict[str, str]
    device: str
    machine: str = field(default_factory=platform.node)


@dataclass(frozen=True)
class Answer:
    """The rows of a batch; None where the worker was lost with it."""

    batch: Batch
    rows: tuple[BulkRow, ...] | None


class Pool(Protocol):
    """Workers. `hello` is there when the pool is."""

    hello: Hello

    def submit(self, batch: Batch) -> None:
        """Only while not `full`."""

    @property
    def full(self) -> bool:
        """Whether the workers have as much as they should have waiting."""
        ...

    @property
    def busy(self) -> bool:
        """Whether an answer is to come."""
        ...

    def wait(self) -> list[Answer]:
        """At least one answer. Raises what makes the work impossible."""
        ...

    def close(self) -> None:
        """Ends the workers."""


OnRow = Callable[[int, int, BulkRow], None]
"""Called with how many items are done, of how many, and the last of them."""


def manner_of(item: BulkItem, manner: Manner) -> Manner:
    """How one item is spoken: its own voice, language, seed and options before those of all."""
    own = item if item.voice or item.ref else manner
    return replace(
        manner,
        voice=own.voice,
        ref=own.ref,
        transcript=own.transcript,
        language=item.language or manner.language,
        speed=item.speed * manner.speed,
        seed=manner.seed if item.seed is None else item.seed,
        options=manner.options | item.options,
    )
