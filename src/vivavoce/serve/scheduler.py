"""Who is spoken next: admission, queues, fairness between clients.

`submit`, `expire` and `close` belong to the event loop, `choose` and `done` to the engine's thread.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable
from typing import Protocol

from vivavoce.serve.config import ServeConfig
from vivavoce.serve.errors import ApiError, busy
from vivavoce.serve.feed import Feed
from vivavoce.serve.job import SpeechJob, Work


class Watcher(Protocol):
    """Told what happens to jobs (metrics)."""

    def started(self, job: SpeechJob) -> None: ...

    def done(self, job: SpeechJob, error: Exception | None) -> None: ...

    def refused(self, code: str) -> None: ...


class Scheduler:
    """`max_concurrent` utterances at once, at most `max_queue` jobs beside as many that speak."""

    def __init__(self, config: ServeConfig, watcher: Watcher) -> None:
        self.config, self.watcher = config, watcher
        self.wake = threading.Event()
        self.jobs: list[SpeechJob] = []
        self.closing = False
        self.loading = ""  # the model that the engine is loading
        self._turns: dict[str, None] = {}  # keys, the one to be served next first
        self._lock = threading.Lock()
        self._pace_s = 1.0  # between two jobs that end, as measured
        self._last_end = time.monotonic()

    @property
    def active(self) -> int:
        return sum(job.started_at is not None for job in self.jobs)

    @property
    def waiting(self) -> int:
        return sum(job.started_at is None for job in self.jobs)

    @property
    def room(self) -> int:
        """How many jobs more can be taken."""
        taken = sum(not job.resting for job in self.jobs)
        return self.config.max_concurrent + self.config.max_queue - taken

    @property
    def full(self) -> bool:
        return self.room <= 0

    def submit(self, work: Work, feed: Feed, rate: int, keep: bool = False) -> SpeechJob:
        """Queue a job; `keep` lets others join it. Raises ApiError (503, 429) when it cannot be
        taken now.
        """
        self._admit(work.key)
        job = SpeechJob(work, feed, rate, self.wake.set, asyncio.get_running_loop(), keep)
        with self._lock:
            self.jobs.append(job)
            self._turns.setdefault(work.key)
        self.wake.set()
        return job

    def join(self, job: SpeechJob, key: str) -> None:
        """Another client wants the same: the job comes when it is the turn of any of them.

        Raises ApiError 503 when the server is going down.
        """
        if self.closing:
            raise self._refusal("shutting_down", "The server is shutting down.")
        with self._lock:
            job.keys.add(key)
            if job in self.jobs:
                self._turns.setdefault(key)

    def choose(self, model: str, wants: Callable[[SpeechJob], bool]) -> SpeechJob | None:
        """The job whose utterance comes next: clients take turns, a client's new jobs go first.

        What has been begun comes after what has not, the longest unserved first.
        """
        with self._lock:
            for key in self._turns:
                found = [j for j in self.jobs if key in j.keys and j.work.model == model]
                able = [j for j in found if not j.cancelled and wants(j)]
                if able:
                    job = min(able, key=lambda j: (j.started_at is not None, j.served_at))
                    self._turns[key] = self._turns.pop(key)
                    job.served_at = time.monotonic()
                    return job
        return None

    def begun(self, job: SpeechJob) -> None:
        job.started_at = time.monotonic()
        self.watcher.started(job)

    def done(self, job: SpeechJob, error: Exception | None = None) -> None:
        """The job has ended; its place is free."""
        with self._lock:
            if job not in self.jobs:
                return
            self.jobs.remove(job)
            for key in job.keys.difference(*(one.keys for one in self.jobs)):
                self._turns.pop(key, None)
            now = time.monotonic()
            self._pace_s += 0.2 * (min(now - self._last_end, 10.0) - self._pace_s)
            self._last_end = now
        self.watcher.done(job, error)
        if not job.cancelled:
            job.end(error)
        job.ended = True

    def expire(self) -> None:
        """End what has waited too long to begin."""
        limits, now = self.config.limits, time.monotonic()
        for job in list(self.jobs):
            if job.started_at is not None:
                continue
            waited_s = job.waited_s(now)
            if job.work.model == self.loading and waited_s > limits.load_wait_s:
                self._refuse(job, "loading", "The model is being loaded.")
            elif waited_s > limits.queue_s:
                message = "The request waited too long; the server is busy."
                self._refuse(job, "queue_timeout", message)

    def close(self) -> None:
        """Take no more; what has not begun is refused, what sounds goes on."""
        self.closing = True
        for job in list(self.jobs):
            if job.started_at is None and job.feed.finished:
                self._refuse(job, "shutting_down", "The server is shutting down.")

    def cancel_all(self, reason: str) -> None:
        for job in list(self.jobs):
            job.cancel(reason)

    def retry_s(self) -> int:
        """When to come back, in whole seconds: the queue at the measured rate."""
        return max(1, min(60, math.ceil(len(self.jobs) * self._pace_s)))

    def require_room(self, before: int = 0) -> None:
        """Raises ApiError 503 when nothing can be taken now, whoever asks, behind `before` others
        that are no jobs yet.
        """
        if self.closing:
            raise self._refusal("shutting_down", "The server is shutting down.")
        if self.room <= before:
            raise self._refusal("overloaded", "Too many requests are waiting.")

    def _admit(self, key: str) -> None:
        self.require_room()
        per_key = self.config.limits.per_key
        if per_key and sum(key in job.keys for job in self.jobs) >= per_key:
            self.watcher.refused("rate_limit_exceeded")
            message = f"At most {per_key} concurrent requests are allowed."
            headers = {"retry-after": str(self.retry_s())}
            code = "rate_limit_exceeded"
            raise ApiError(429, code, message, None, "rate_limit_error", headers)

    def _refusal(self, code: str, message: str) -> ApiError:
        self.watcher.refused(code)
        return busy(code, message, self.retry_s())

    def _refuse(self, job: SpeechJob, code: str, message: str) -> None:
        """End a job that has not begun, unless the engine begins it this very moment."""
        with self._lock:
            if job.started_at is not None or job not in self.jobs:
                return
        self.done(job, self._refusal(code, message))
