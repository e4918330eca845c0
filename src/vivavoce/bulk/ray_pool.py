"""Workers on a Ray cluster (extra `ray`): actors of Ray Core, one per CPU or GPU.

A node that is lost takes its actors with it: their batches are given out again, and other actors
are asked for. Results are rows; files go to where `-o` says, which every node has to reach.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from importlib import import_module
from typing import Any

from vivavoce.bulk.pools import AHEAD, batch_of, error_of, error_table, rows_of, same
from vivavoce.bulk.work import Answer, Batch, Hello, Loading, Manner
from vivavoce.errors import MissingExtra, UsageError, VivavoceError, WorkerLost

ASK_AGAIN_S = 30.0
"""Nodes that join later are noticed when actors are asked for again."""

STORE_BYTES = 200 << 20
"""Rows need little: by default Ray takes a third of the memory."""

MOST_LOST = 20
"""Actors that are lost one after the other without an answer end the work."""


class _Actor:
    """What runs in an actor."""

    def __init__(self, loading: dict[str, Any], manner: dict[str, Any], out: str) -> None:
        self._how = Loading(**loading), Manner(**manner), out

    def hello(self) -> dict[str, Any]:
        """Loads the model. An error is a value: one that an actor raises loses its type."""
        from vivavoce.bulk.speaking import BulkWorker

        try:
            self._worker = BulkWorker(*self._how)
        except VivavoceError as error:
            return error_table(error)
        return asdict(self._worker.hello)

    def speak(self, batch: dict[str, Any]) -> list[dict[str, Any]]:
        return [asdict(row) for row in self._worker.speak(batch_of(batch))]


class RayPool:
    """`count` actors at `address` ("auto", "local", ray://host:port).

    Raises MissingExtra, UsageError (no cluster there), and what loading the model raises.
    """

    def __init__(
        self, address: str, count: int, loading: Loading, manner: Manner, out: str
    ) -> None:
        self._ray = _require_ray()
        self._started = not self._ray.is_initialized()
        self._connect(address)
        self._count, self._how = count, (asdict(loading), asdict(manner), out)
        needs = {"num_gpus": 1} if "cuda" in loading.device else {"num_cpus": 1}
        self._kind = self._ray.remote(max_restarts=0, max_task_retries=0, **needs)(_Actor)
        self._waiting: dict[Any, Any] = {}  # hellos by their reference: the actor
        self._ready: list[Any] = []
        self._flying: dict[Any, tuple[Any, Batch]] = {}
        self._asked = 0.0
        self._lost = 0
        self.hello = Hello({}, "")
        try:
            self._ask()
            while not self.hello.facts:
                self._look()
        except BaseException:
            self.close()
            raise

    def submit(self, batch: Batch) -> None:
        actor = min(self._ready, key=self._load)
        self._flying[actor.speak.remote(asdict(batch))] = actor, batch

    @property
    def full(self) -> bool:
        return all(self._load(actor) >= AHEAD for actor in self._ready)

    @property
    def busy(self) -> bool:
        return bool(self._flying) or not self._ready

    def wait(self) -> list[Answer]:
        """Also returns when an actor has come, with nothing."""
        ready = len(self._ready)
        while True:
            found = self._look()
            if found or len(self._ready) > ready:
                return found

    def close(self) -> None:
        for actor in [*self._ready, *self._waiting.values()]:
            self._ray.kill(actor)
        if self._started:
            self._ray.shutdown()

    def _connect(self, address: str) -> None:
        if not self._started:
            return
        how: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        if address == "local":
            how |= {"object_store_memory": STORE_BYTES, "include_dashboard": False}
        try:
            self._ray.init(address=address, **how)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise UsageError(
                f"There is no Ray cluster at '{address}' ({error}).",
                "Start one: ray start --head, or use --ray local.",
            ) from error

    def _load(self, actor: object) -> int:
        return sum(1 for held, _ in self._flying.values() if held is actor)

    def _ask(self) -> None:
        """For as many actors as are wanting. Those that the cluster has no room for wait there."""
        for _ in range(self._count - len(self._ready) - len(self._waiting)):
            actor = self._kind.remote(*self._how)
            self._waiting[actor.hello.remote()] = actor
        self._asked = time.monotonic()

    def _look(self) -> list[Answer]:
        """What has come within a second."""
        if time.monotonic() - self._asked > ASK_AGAIN_S:
            self._ask()
        references = [*self._flying, *self._waiting]
        done, _ = self._ray.wait(references, num_returns=1, timeout=1.0)
        return [answer for reference in done for answer in self._came(reference)]

    def _came(self, reference: object) -> list[Answer]:
        greeting = reference in self._waiting
        try:
            value = self._ray.get(reference)
        except self._ray.exceptions.RayActorError:
            if greeting:
                del self._waiting[reference]
                return self._gone()
            actor, batch = self._flying.pop(reference)
            self._ready = [each for each in self._ready if each is not actor]
            return [Answer(batch, None), *self._gone()]
        if greeting:
            actor = self._waiting.pop(reference)
            if "error" in value:
                raise error_of(value)
            self.hello = same(self.hello, Hello(**value))
            self._ready.append(actor)
            return []
        self._lost = 0
        _, batch = self._flying.pop(reference)
        return [Answer(batch, rows_of(value))]

    def _gone(self) -> list[Answer]:
        self._lost += 1
        if self._lost > MOST_LOST:
            raise WorkerLost(
                f"{self._lost} actors were lost without an answer.", "Look at Ray's own logs."
            )
        self._ask()
        return []


def _require_ray() -> Any:
    try:
        return import_module("ray")
    except ImportError as error:
        raise MissingExtra(
            "A cluster needs Ray.", "Install it: pip install 'vivavoce[ray]'."
        ) from error
