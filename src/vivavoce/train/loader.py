"""Batches in order, made one step ahead by a thread."""

from __future__ import annotations

from collections.abc import Iterator
from queue import Empty, Queue
from threading import Event, Thread

from vivavoce.nn.task import Batch
from vivavoce.train.data import Data
from vivavoce.train.sampler import BatchSampler, Position

Loaded = tuple[Position, Batch]


class Loader:
    """Endless batches; each comes with the position to go on from once it has been used.

    Crops depend on the seed and the batch's own position alone, so reading ahead changes nothing.
    """

    def __init__(
        self, data: Data, sampler: BatchSampler, start: Position, rank: int = 0, world: int = 1
    ) -> None:
        self._source = self._batches(data, sampler, start, rank, world)
        self._queue: Queue[Loaded | BaseException] = Queue(maxsize=2)
        self._stop = Event()
        self._thread = Thread(target=self._run, name="vivavoce-loader", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Loaded]:
        return self

    def __next__(self) -> Loaded:
        item = self._queue.get()
        if isinstance(item, BaseException):
            raise item
        return item

    def close(self) -> None:
        """Stop reading ahead; returns when the thread has ended."""
        self._stop.set()
        while self._thread.is_alive():
            try:
                self._queue.get(timeout=0.01)
            except Empty:
                continue
        self._thread.join()

    @staticmethod
    def _batches(
        data: Data, sampler: BatchSampler, start: Position, rank: int, world: int
    ) -> Iterator[Loaded]:
        for here, after, numbers in sampler.stream(start, rank, world):
            seed = (sampler.seed, here.epoch, here.index)
            yield after, data.batch([data.train[i] for i in numbers], seed)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._queue.put(next(self._source))
        except BaseException as error:  # noqa: BLE001 - raised again where the batch is awaited
            self._queue.put(error)
