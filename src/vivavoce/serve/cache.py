"""Results that were whole and good, kept for the next who asks the same: in memory, or on disk."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import OrderedDict
from dataclasses import dataclass
from typing import Protocol

import vivavoce
from vivavoce.serve.config import ServeConfig
from vivavoce.serve.feed import Feed
from vivavoce.serve.job import SpeechJob, Work
from vivavoce.serve.outbox import Sound
from vivavoce.serve.table import ModelRow

LONGEST_S = 60.0
SHORT_BYTES = 1000
"""Texts up to so long (in UTF-8, at speed 1) are spoken in about a minute: all of it is kept while
it is being made, for others who ask the same.
"""


@dataclass(frozen=True)
class Result:
    """All of a spoken text, and what was counted while it was made."""

    sounds: tuple[Sound, ...]
    rate: int
    input_tokens: int
    output_frames: int

    @property
    def n_bytes(self) -> int:
        return sum(sound.samples.nbytes for sound in self.sounds)

    @property
    def samples(self) -> int:
        return sum(len(sound.samples) for sound in self.sounds)


class ResultStore(Protocol):
    """Where results go that memory has no room for."""

    def get(self, key: str) -> Result | None: ...

    def put(self, key: str, result: Result) -> None: ...


class Cache:
    """`capacity` bytes in memory, the least recently used go first; before them a slower `store`.

    Used by the event loop only; the store is asked beside it.
    """

    def __init__(self, capacity: int, store: ResultStore | None = None) -> None:
        self.capacity, self.store = capacity, store
        self._results: OrderedDict[str, Result] = OrderedDict()
        self._held = 0

    @property
    def used(self) -> bool:
        return self.capacity > 0 or self.store is not None

    def may_have(self, key: str) -> bool:
        """Whether `get` could find it: a slower store is not looked into."""
        return key in self._results or self.store is not None

    async def get(self, key: str) -> Result | None:
        found = self._results.get(key)
        if found is not None:
            self._results.move_to_end(key)
        elif self.store is not None:
            found = await asyncio.to_thread(self.store.get, key)
            if found is not None:
                self._remember(key, found)
        return found

    async def put(self, key: str, result: Result) -> None:
        self._remember(key, result)
        if self.store is not None:
            await asyncio.to_thread(self.store.put, key, result)

    def _remember(self, key: str, result: Result) -> None:
        size = result.n_bytes
        if size > self.capacity or key in self._results:
            return
        self._results[key] = result
        self._held += size
        while self._held > self.capacity:
            _, oldest = self._results.popitem(last=False)
            self._held -= oldest.n_bytes


def result_of(job: SpeechJob) -> Result | None:
    """What a job has made, if it is whole, without a warning and not too long."""
    sounds = tuple(job.outbox.sounds)
    whole = job.good and sum(len(sound.samples) for sound in sounds) == job.samples
    if not whole or not job.samples or job.warnings or job.seconds > LONGEST_S:
        return None
    return Result(sounds, job.rate, job.input_tokens, job.output_frames)


def cache_key(work: Work, feed: Feed, model: ModelRow, config: ServeConfig) -> str:
    """A digest of what makes two results equal; "" where there is none: a text that came in
    pieces that are spoken one by one, or is long; a voice whose file is gone.
    """
    if not feed.unbroken or len(feed.text.encode()) > SHORT_BYTES * work.speed:
        return ""
    voice = work.voice
    try:
        file = voice.file.stat() if voice.file is not None else None
    except OSError:
        return ""
    parts = {
        "version": vivavoce.__version__,
        "model": (model.name, model.weights, model.created),
        "arithmetic": (config.device, config.precision, config.batch),
        "voice": (voice.id, voice.speaker, voice.created),
        "file": (str(voice.file), file.st_mtime_ns, file.st_size) if file is not None else None,
        "text": feed.text,
        "how": (work.speed, work.seed, sorted((k, repr(v)) for k, v in work.options.items())),
        "client": work.key if config.private_cache else None,
    }
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
