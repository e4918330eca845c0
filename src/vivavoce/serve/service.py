"""What every dialect uses: the tables, the scheduler, the engine, and speech as it comes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from vivavoce.errors import VivavoceError
from vivavoce.serve.cache import Cache, cache_key, result_of
from vivavoce.serve.config import ServeConfig
from vivavoce.serve.disk import DiskCache
from vivavoce.serve.encode import StreamEncoder
from vivavoce.serve.engine import Engine
from vivavoce.serve.feed import Feed
from vivavoce.serve.job import SpeechJob, Work
from vivavoce.serve.keys import Keys
from vivavoce.serve.metrics import Metrics
from vivavoce.serve.outbox import Sound
from vivavoce.serve.scheduler import Scheduler
from vivavoce.serve.stream import Stream
from vivavoce.serve.table import Table, VoiceRow

if TYPE_CHECKING:
    from vivavoce.speech.engine import TTS
    from vivavoce.types import Voice

log = logging.getLogger("vivavoce.serve")
ENCODERS = 2
WARM_UP = "Hello."


class Service:
    """One server's state. `loaders` are the models by name, `voices` looks for the user's."""

    def __init__(
        self,
        config: ServeConfig,
        table: Table,
        loaders: Mapping[str, Callable[[], TTS]],
        voices: Callable[[], list[VoiceRow]] | None = None,
    ) -> None:
        self.config, self.table, self.voices = config, table, voices
        self.keys = Keys(config.keys, config.key_file)
        self.metrics = Metrics()
        self.scheduler = Scheduler(config, self.metrics)
        self.engine = Engine(loaders, self.scheduler, config)
        self.cache = Cache(config.cache_bytes, disk(config))
        self._flying: dict[str, SpeechJob] = {}  # by what they compute, while somebody reads them
        self.encoders = ThreadPoolExecutor(ENCODERS, thread_name_prefix="vivavoce-encoder")
        self.ready = False
        self.heard = 0  # requests whose readers do not have everything yet
        self.asked = 0  # requests so far, but for those refused before they came here
        self.started_at = int(time.time())
        self._keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Load the default model and speak one word, so that the first request is a normal one.

        Raises what loading raises.
        """
        self.engine.start()
        lane = self.engine.lanes[self.table.default]
        tts = await asyncio.wrap_future(self.engine.call(lane.load))
        voices = [row for row in self.table.voices.values() if row.model == self.table.default]
        if voices:
            await asyncio.wrap_future(self.engine.call(lambda: warm_up(tts, lane.voice(voices[0]))))
        self.ready = True
        self._keeper = asyncio.create_task(self._keep())

    async def stop(self, patience_s: float = 10.0) -> None:
        """End everything; a step of a model that takes longer than `patience_s` is left alone."""
        self.scheduler.cancel_all("shutdown")
        if self._keeper is not None:
            self._keeper.cancel()
        self.engine.stop()
        await asyncio.to_thread(self.engine.join, patience_s)
        self.encoders.shutdown(wait=False, cancel_futures=True)

    @asynccontextmanager
    async def speak(self, work: Work, feed: Feed) -> AsyncIterator[Stream]:
        """Speech of a text. Leaving cancels what is not done. Raises ApiError (503, 429)."""
        self.heard += 1
        self.asked += 1
        try:
            model = self.table.models[work.model]
            key = cache_key(work, feed, model, self.config) if self.cache.used else ""
            result = await self.cache.get(key) if key else None
            if result is not None:
                self.metrics.cache_hits.inc()
                yield Stream(model.sample_rate, result=result)
                return
            stream, job = self._stream(key, work, feed, model.sample_rate)
            try:
                yield stream
            finally:
                stream.cancel("disconnected")
                if key and (job.cancelled or job.ended):
                    await self._landed(key, job)
        finally:
            self.heard -= 1

    def require_room(self) -> None:
        """Before anything of a request is read: raises ApiError 503 where it cannot be taken,
        unless it could be one that needs nothing to be computed.
        """
        if not self.cache.used:
            self.scheduler.require_room()

    def may_have(self, work: Work, text: str) -> bool:
        """Whether a request could be answered without a computation of its own."""
        feed, model = Feed.whole(text), self.table.models[work.model]
        key = cache_key(work, feed, model, self.config) if self.cache.used else ""
        return bool(key) and (key in self._flying or self.cache.may_have(key))

    def _stream(self, key: str, work: Work, feed: Feed, rate: int) -> tuple[Stream, SpeechJob]:
        """A computation of its own, or a place beside those who asked the same just before."""
        job = self._flying.get(key)
        if job is not None and not (job.cancelled or job.failed):
            self.scheduler.join(job, work.key)
            self.metrics.cache_hits.inc()
            return Stream(rate, job, job.outbox.join()), job
        job = self.scheduler.submit(work, feed, rate, keep=bool(key))
        if key:
            self._flying[key] = job
        return Stream(rate, job), job

    async def _landed(self, key: str, job: SpeechJob) -> None:
        """A computation has ended: the next who asks finds its result, or begins anew."""
        if self._flying.get(key) is job:
            del self._flying[key]
            result = result_of(job)
            if result is not None:
                await self.cache.put(key, result)

    async def encoded(self, encoder: StreamEncoder, sound: Sound | None) -> bytes:
        """The bytes of more sound, or of the end; long work is done beside the loop."""
        if not encoder.heavy:
            return encoder.finish() if sound is None else encoder.feed(sound.samples)
        loop = asyncio.get_running_loop()
        if sound is None:
            return await loop.run_in_executor(self.encoders, encoder.finish)
        return await loop.run_in_executor(self.encoders, encoder.feed, sound.samples)

    def reload(self) -> None:
        """Read the keys and the user's voices again. A fault in them changes nothing, and is
        logged.
        """
        try:
            self.keys.reload()
            if self.voices is not None:
                for row in self.voices():
                    self.table.add(row)
        except VivavoceError as error:
            log.error("not reloaded: %s", error)

    async def load(self, name: str) -> None:
        """Bring a model into memory. Raises RuntimeError, which tells a client nothing."""
        try:
            await asyncio.wrap_future(self.engine.call(self.engine.lanes[name].load))
        except VivavoceError as error:
            raise RuntimeError(f"'{name}' cannot be loaded") from error

    async def unload(self, name: str) -> bool:
        """Drop a model's weights, unless it speaks; whether that was done."""
        return await asyncio.wrap_future(self.engine.call(self.engine.lanes[name].unload))

    def metrics_text(self) -> bytes:
        metrics, scheduler = self.metrics, self.scheduler
        metrics.active.set(scheduler.active)
        metrics.queued.set(scheduler.waiting)
        metrics.device_memory.set(self.engine.memory)
        for name, lane in self.engine.lanes.items():
            metrics.loaded.labels(name).set(int(lane.loaded))
        return metrics.text()

    async def _keep(self) -> None:
        """Every so often: what waited too long is refused; the loop's delay is measured."""
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.25)
            self.metrics.lag_s.observe(max(0.0, time.monotonic() - before - 0.25))
            self.scheduler.expire()
            rows = sum(len(lane.handles) for lane in self.engine.lanes.values())
            if rows:
                self.metrics.rows.observe(rows)


def warm_up(tts: TTS, voice: Voice) -> None:
    """One word; that it did not come out well, for once, keeps nobody from serving."""
    tts.speak(WARM_UP, voice, on_problem="warn")


def disk(config: ServeConfig) -> DiskCache | None:
    """Where results outlive the process, if they shall."""
    if config.cache_dir is None:
        return None
    return DiskCache(config.cache_dir, config.cache_dir_bytes)
