"""The one thread that owns every model: it alone calls them, so nothing of them is shared."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from vivavoce.serve.config import ServeConfig
from vivavoce.serve.lane import Lane
from vivavoce.serve.scheduler import Scheduler

if TYPE_CHECKING:
    from vivavoce.speech.engine import TTS

T = TypeVar("T")
log = logging.getLogger("vivavoce.serve")
IDLE_S, LOOK_S, TRIM_S = 0.5, 5.0, 10.0


class Engine(threading.Thread):
    """`loaders` are the models by name. Started with `start`, ended with `stop`."""

    def __init__(
        self, loaders: Mapping[str, Callable[[], TTS]], scheduler: Scheduler, config: ServeConfig
    ) -> None:
        super().__init__(name="vivavoce-engine", daemon=True)
        self.scheduler, self.config = scheduler, config
        self.lanes = {name: Lane(name, load, scheduler, config) for name, load in loaders.items()}
        self.memory = 0  # bytes held by the device, as last looked at
        self._looked_at = self._trimmed_at = 0.0
        self._calls: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._stopping = False

    def call(self, work: Callable[[], T]) -> Future[T]:
        """Run something between two steps, on this thread: loading, making a voice."""
        future: Future[T] = Future()
        self._calls.append((work, future))
        self.scheduler.wake.set()
        return future

    def stop(self) -> None:
        """End after the present step."""
        self._stopping = True
        self.scheduler.wake.set()

    def run(self) -> None:
        import torch

        from vivavoce.runtime.container import processors
        from vivavoce.serve.budget import most_memory

        # A step of a small model is shorter than the wait for a thread that another process
        # keeps from its core: leave a core to the sockets and the encoders.
        cores = min(torch.get_num_threads(), processors())
        torch.set_num_threads(max(1, cores - 1))
        most = most_memory(self.config)
        for lane in self.lanes.values():
            lane.most_memory = most
        while not self._stopping:
            self.scheduler.wake.clear()
            if not self._round():
                self._unload_idle()
                self._trim()
                self.scheduler.wake.wait(IDLE_S)

    def _round(self) -> bool:
        """One step of every model that has work."""
        worked = self._called()
        for lane in self.lanes.values():
            try:
                if lane.wanted and not lane.loaded:
                    self._make_room(lane)
                worked = lane.step() or worked
            except Exception as error:
                log.exception("a step of '%s' failed", lane.name)
                lane.fail(error)
        if time.monotonic() - self._looked_at > LOOK_S:
            self._looked_at = time.monotonic()
            self.memory = max(lane.memory for lane in self.lanes.values())
        return worked

    def _called(self) -> bool:
        if not self._calls:
            return False
        work, future = self._calls.popleft()
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(work())
            except BaseException as error:  # noqa: BLE001 - it belongs to whoever asked
                future.set_exception(error)
        return True

    def _trim(self) -> None:
        """Now and then, while nobody waits: many small results leave holes in the heap."""
        from vivavoce.runtime.memory import trim

        if time.monotonic() - self._trimmed_at > TRIM_S:
            trim()
            self._trimmed_at = time.monotonic()

    def _make_room(self, lane: Lane) -> None:
        """Before another model is loaded: the longest unused ones go, while memory is short."""
        most = lane.most_memory
        others = [one for one in self.lanes.values() if one.loaded and one is not lane]
        for other in sorted(others, key=lambda one: one.used_at):
            if not most or other.memory <= most:
                return
            other.unload()

    def _unload_idle(self) -> None:
        after = self.config.idle_unload_s
        for lane in self.lanes.values():
            if after and lane.loaded and time.monotonic() - lane.used_at > after:
                lane.unload()
