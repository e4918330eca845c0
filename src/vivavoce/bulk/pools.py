"""Workers in this process, or in processes of their own that may die without ending the work."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections import deque
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from vivavoce import errors
from vivavoce.bulk.work import Answer, Batch, BulkItem, BulkRow, Hello, Loading, Manner
from vivavoce.errors import UsageError, VivavoceError, WorkerLost

if TYPE_CHECKING:
    from vivavoce.speech.engine import TTS

AHEAD = 2
"""Batches that wait for a worker: it never idles, and little is lost with it."""

MOST_DEATHS = 5
"""Workers that die one after the other without an answer end the work."""


class InlinePool:
    """One worker, in this process. `tts` is the engine where it is loaded already."""

    def __init__(self, loading: Loading, manner: Manner, out: str, tts: TTS | None = None) -> None:
        from vivavoce.bulk.speaking import BulkWorker

        self._worker = BulkWorker(loading, manner, out, tts)
        self.hello = self._worker.hello
        self._waiting: deque[Batch] = deque()

    def submit(self, batch: Batch) -> None:
        self._waiting.append(batch)

    @property
    def full(self) -> bool:
        return bool(self._waiting)

    @property
    def busy(self) -> bool:
        return bool(self._waiting)

    def wait(self) -> list[Answer]:
        batch = self._waiting.popleft()
        return [Answer(batch, self._worker.speak(batch))]

    def close(self) -> None:
        self._waiting.clear()


class _Child:
    """A process that answers with one line of JSON for each line it gets."""

    def __init__(self, start: dict[str, Any], heard: queue.Queue[tuple[_Child, Any]]) -> None:
        command = [sys.executable, "-m", "vivavoce.bulk.child"]
        pipe = subprocess.PIPE
        # its own session: Ctrl-C is for the parent, which lets batches in flight end
        self.process = subprocess.Popen(  # noqa: S603 - our own module
            command, stdin=pipe, stdout=pipe, text=True, encoding="utf-8", start_new_session=True
        )
        self.batches: list[Batch] = []
        self.hello: Hello | None = None
        self._heard = heard
        threading.Thread(target=self._listen, daemon=True).start()
        self.send(start)

    def send(self, table: dict[str, Any]) -> None:
        """A child that has died is noticed where it is listened to."""
        assert self.process.stdin is not None  # noqa: S101 - asked for
        try:
            self.process.stdin.write(json.dumps(table) + "\n")
            self.process.stdin.flush()
        except OSError:
            return

    def _listen(self) -> None:
        assert self.process.stdout is not None  # noqa: S101 - asked for
        for line in self.process.stdout:
            if line.endswith("\n"):
                self._heard.put((self, json.loads(line)))
        self.process.wait()
        self._heard.put((self, None))

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except OSError:
                    continue


class ProcessPool:
    """`count` processes. `devices` are given to them in turn. Raises what loading raises."""

    def __init__(
        self, count: int, loading: Loading, manner: Manner, out: str, devices: tuple[str, ...]
    ) -> None:
        self._heard: queue.Queue[tuple[_Child, Any]] = queue.Queue()
        self._loading, self._devices = loading, devices
        self._start = {"manner": asdict(manner), "out": out}
        self._children: list[_Child] = []
        self._deaths = 0
        self.hello = Hello({}, "")
        try:
            for number in range(count):
                self._children.append(self._born(number))
            while not self.hello.facts:
                self._answers(*self._heard.get())
        except BaseException:
            self.close()
            raise

    def submit(self, batch: Batch) -> None:
        child = min(self._children, key=lambda child: len(child.batches))
        child.batches.append(batch)
        child.send({"batch": asdict(batch)})

    @property
    def full(self) -> bool:
        return all(len(child.batches) >= AHEAD for child in self._children)

    @property
    def busy(self) -> bool:
        return any(child.batches for child in self._children)

    def wait(self) -> list[Answer]:
        found: list[Answer] = []
        while not found:
            found = self._answers(*self._heard.get())
        return found

    def close(self) -> None:
        for child in self._children:
            child.close()

    def _born(self, number: int) -> _Child:
        device = self._devices[number % len(self._devices)]
        loading = asdict(self._loading) | {"device": device}
        return _Child(self._start | {"loading": loading}, self._heard)

    def _answers(self, child: _Child, table: dict[str, Any] | None) -> list[Answer]:
        if child not in self._children:
            return []
        if table is None:
            return self._died(child)
        if "error" in table:
            raise error_of(table)
        if "hello" in table:
            child.hello = Hello(**table["hello"])
            self.hello = same(self.hello, child.hello)
            return []
        self._deaths = 0
        batch = child.batches.pop(0)
        return [Answer(batch, rows_of(table["rows"]))]

    def _died(self, child: _Child) -> list[Answer]:
        """Another takes its place. Only the batch that it was speaking may be to blame."""
        number = self._children.index(child)
        self._deaths += 1
        child.close()
        if self._deaths >= MOST_DEATHS * len(self._children) or child.hello is None:
            code = child.process.returncode
            raise WorkerLost(
                f"A worker process ended unexpectedly (exit code {code}).",
                "Use less memory: fewer --workers or a smaller --batch.",
            )
        lost, rest = child.batches[:1], child.batches[1:]
        self._children[number] = self._born(number)
        for batch in rest:
            self._children[number].batches.append(batch)
            self._children[number].send({"batch": asdict(batch)})
        return [Answer(batch, None) for batch in lost]


def same(one: Hello, other: Hello) -> Hello:
    """Raises UsageError unless both speak alike: version, weights, options."""
    if one.facts and one.facts != other.facts:
        differ = [name for name, value in one.facts.items() if other.facts.get(name) != value]
        raise UsageError(
            f"The workers differ in {', '.join(differ)}.",
            "Install the same version and the same model everywhere.",
        )
    return other if not one.facts else one


def rows_of(tables: list[dict[str, Any]]) -> tuple[BulkRow, ...]:
    found: list[dict[str, Any]] = [t | {"warnings": tuple(t["warnings"])} for t in tables]
    return tuple(BulkRow(**table) for table in found)


def batch_of(table: dict[str, Any]) -> Batch:
    items = tuple(BulkItem(**item) for item in table["items"])
    return Batch(table["number"], items, tuple(table["done"]))


def error_table(error: VivavoceError) -> dict[str, str]:
    return {"error": type(error).__name__, "message": error.message, "advice": error.advice}


def error_of(table: dict[str, str]) -> VivavoceError:
    """As the worker raised it, where its type is a public one."""
    kind = getattr(errors, table["error"], VivavoceError)
    return kind(table["message"], table["advice"])
