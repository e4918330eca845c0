"""Workers on a Ray cluster (extra `ray`): actors of Ray Core, one per CPU or GPU.

A node that is lost takes its actors with it: their batches are given out again, and other actors
are asked for. Ray asks nodes whether they live, not actors, and takes its time. So each actor is
asked here: while it gives no answer it gets no work, and its batches go to others as well. The
first rows of a batch count; actors write the same bytes.
Results are rows; files go to where `-o` says, which every node has to reach.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any

from vivavoce.bulk.pools import AHEAD, batch_of, error_of, error_table, rows_of, same
from vivavoce.bulk.work import Answer, Batch, Hello, Loading, Manner
from vivavoce.errors import MissingExtra, UsageError, VivavoceError, WorkerLost

ASK_AGAIN_S = 30.0
"""Nodes that join later are noticed when actors are asked for again."""

PULSE_S = 2.0
"""Between an answer to `alive` and the next question."""

SILENT_S = 6.0
"""Without an answer for so long, an actor is given no work, and what it has goes to others too."""

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

    def alive(self) -> None:
        """Runs in a thread of its own (WATCH), beside `speak`."""


WATCH = "watch"
"""Ray's concurrency group of `alive`."""


@dataclass(eq=False)
class _Worker:
    """An actor that has loaded the model. `question` is open since `since`, if there is one."""

    actor: object
    speak: Callable[[dict[str, Any]], object]
    ask: Callable[[], object]
    since: float
    question: object = None
    silent: bool = False


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
        groups = {"concurrency_groups": {WATCH: 1}}
        self._kind = self._ray.remote(max_restarts=0, max_task_retries=0, **groups, **needs)(_Actor)
        self._waiting: dict[Any, Any] = {}  # hellos by their reference: the actor
        self._workers: list[_Worker] = []
        self._flying: dict[Any, tuple[_Worker, Batch]] = {}  # in the order of submission
        self._orphans: list[Batch] = []  # of lost and silent workers
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
        worker = min(self._ready, key=self._load)
        self._flying[worker.speak(asdict(batch))] = worker, batch

    @property
    def full(self) -> bool:
        return all(self._load(worker) >= AHEAD for worker in self._ready)

    @property
    def busy(self) -> bool:
        return bool(self._flying or self._orphans) or not self._ready

    def wait(self) -> list[Answer]:
        """Also returns when an actor has come, with nothing."""
        ready = len(self._ready)
        while True:
            found = self._look()
            if found or len(self._ready) > ready:
                return found

    def close(self) -> None:
        for actor in [*(worker.actor for worker in self._workers), *self._waiting.values()]:
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

    @property
    def _ready(self) -> list[_Worker]:
        return [worker for worker in self._workers if not worker.silent]

    def _load(self, worker: _Worker) -> int:
        return sum(1 for held, _ in self._flying.values() if held is worker)

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
        for worker in self._workers:
            self._watch(worker)
        while self._orphans and self._ready:
            self.submit(self._orphans.pop(0))
        questions = [each.question for each in self._workers if each.question is not None]
        references = [*self._flying, *self._waiting, *questions]
        done, _ = self._ray.wait(references, num_returns=1, timeout=1.0)
        return [answer for reference in done for answer in self._came(reference)]

    def _watch(self, worker: _Worker) -> None:
        passed = time.monotonic() - worker.since
        if worker.question is None and passed > PULSE_S:
            worker.question, worker.since = worker.ask(), time.monotonic()
        elif passed > SILENT_S and not worker.silent and not self._answered(worker):
            worker.silent = True
            self._orphans += [batch for held, batch in self._flying.values() if held is worker]
            self._ask()

    def _answered(self, worker: _Worker) -> bool:
        """Though it was not looked at, as when this process did not run for a while."""
        return bool(self._ray.wait([worker.question], timeout=0)[0])

    def _came(self, reference: object) -> list[Answer]:
        if reference in self._waiting:
            return self._greeted(reference)
        asked = [each for each in self._workers if each.question == reference]
        worker, batch = (asked[0], None) if asked else self._flying[reference]
        try:
            value = self._ray.get(reference)
        except self._ray.exceptions.RayActorError:
            return self._gone(worker)
        if batch is None:
            worker.question, worker.since, worker.silent = None, time.monotonic(), False
            return []
        self._lost = 0
        others = self._flying.items()
        self._flying = {key: held for key, held in others if held[1] is not batch}
        self._orphans = [each for each in self._orphans if each is not batch]
        return [Answer(batch, rows_of(value))]

    def _greeted(self, reference: object) -> list[Answer]:
        actor = self._waiting.pop(reference)
        try:
            value = self._ray.get(reference)
        except self._ray.exceptions.RayActorError:
            return self._replaced()
        if "error" in value:
            raise error_of(value)
        self.hello = same(self.hello, Hello(**value))
        alive = actor.alive.options(concurrency_group=WATCH)
        worker = _Worker(actor, actor.speak.remote, alive.remote, time.monotonic())
        self._workers.append(worker)
        return []

    def _gone(self, worker: _Worker) -> list[Answer]:
        """Only the batch that it was speaking may be to blame, and none that others have too."""
        self._workers.remove(worker)
        self._ray.kill(worker.actor)  # one that Ray only cannot reach would keep its place
        held = [key for key, (owner, _) in self._flying.items() if owner is worker]
        batches = [self._flying.pop(key)[1] for key in held]
        elsewhere = [*self._orphans, *(batch for _, batch in self._flying.values())]
        alone = [b for b in batches if not any(b is other for other in elsewhere)]
        blamed = [batch for batch in alone if batch is batches[0]]
        self._orphans += [batch for batch in alone if batch is not batches[0]]
        return [*(Answer(batch, None) for batch in blamed), *self._replaced()]

    def _replaced(self) -> list[Answer]:
        self._lost += 1
        if self._lost > MOST_LOST:
            raise WorkerLost(
                f"{self._lost} Ray actors were lost without an error message.", "Check Ray's logs."
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
