"""What every dialect uses: the tables, the scheduler, the engine, and speech as it comes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from vivavoce.errors import VivavoceError
from vivavoce.serve.cache import LONGEST_S, Cache, Result
from vivavoce.serve.config import ServeConfig
from vivavoce.serve.encode import StreamEncoder
from vivavoce.serve.engine import Engine
from vivavoce.serve.feed import Feed
from vivavoce.serve.job import SpeechJob, Work
from vivavoce.serve.keys import Keys
from vivavoce.serve.metrics import Metrics
from vivavoce.serve.outbox import FlushMark, Sound
from vivavoce.serve.scheduler import Scheduler
from vivavoce.serve.table import Table, VoiceRow

if TYPE_CHECKING:
    from vivavoce.speech.engine import TTS

log = logging.getLogger("vivavoce.serve")
ENCODERS = 2
WARM_UP = "Hello."


class Stream:
    """Speech for one request: from the engine, or from the cache. Counts are whole at the end."""

    def __init__(self, rate: int, job: SpeechJob | None, result: Result | None = None) -> None:
        self.rate, self.job, self._result = rate, job, result
        self.cached = result is not None
        self.sounds: list[Sound] | None = []  # kept for the cache while short enough

    @property
    def input_tokens(self) -> int:
        counted = self._result or self.job
        return counted.input_tokens if counted else 0

    @property
    def output_frames(self) -> int:
        counted = self._result or self.job
        return counted.output_frames if counted else 0

    @property
    def samples(self) -> int:
        counted = self._result or self.job
        return counted.samples if counted else 0

    @property
    def warnings(self) -> tuple[str, ...]:
        return self.job.warnings if self.job else ()

    @property
    def facts(self) -> dict[str, object]:
        """For the log: where the time went, in seconds."""
        facts: dict[str, object] = {"cached": self.cached}
        job = self.job
        if job is not None and job.started_at is not None:
            facts["model"], facts["audio_s"] = job.work.model, round(job.seconds, 3)
            facts["queue_s"] = round(job.started_at - job.created_at, 4)
            if job.first_audio_at is not None:
                facts["first_audio_s"] = round(job.first_audio_at - job.created_at, 4)
        return facts

    def cancel(self, reason: str) -> None:
        if self.job is not None:
            self.job.cancel(reason)

    async def events(self) -> AsyncGenerator[Sound | FlushMark, None]:
        """In order, to the end. Raises what went wrong, Cancelled too."""
        if self._result is not None:
            for sound in self._result.sounds:
                yield sound
            return
        assert self.job is not None  # noqa: S101 - one of the two is there
        async for event in self.job.events():
            if isinstance(event, Sound) and self.sounds is not None:
                self.sounds.append(event)
                if self.job.seconds > LONGEST_S:
                    self.sounds = None
            yield event


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
        self.cache = Cache(config.cache_bytes)
        self.encoders = ThreadPoolExecutor(ENCODERS, thread_name_prefix="vivavoce-encoder")
        self.ready = False
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
            await asyncio.wrap_future(
                self.engine.call(lambda: tts.speak(WARM_UP, lane.voice(voices[0])))
            )
        self.ready = True
        self._keeper = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """End everything, at once."""
        self.scheduler.cancel_all("shutdown")
        if self._keeper is not None:
            self._keeper.cancel()
        self.engine.stop()
        await asyncio.to_thread(self.engine.join, 10.0)
        self.encoders.shutdown(wait=False, cancel_futures=True)

    @asynccontextmanager
    async def speak(self, work: Work, feed: Feed) -> AsyncIterator[Stream]:
        """Speech of a text. Leaving cancels what is not done. Raises ApiError (503, 429)."""
        rate = self.table.models[work.model].sample_rate
        key = cache_key(work, feed) if self.cache.capacity else None
        result = self.cache.get(key) if key is not None else None
        if result is not None:
            self.metrics.cache_hits.inc()
            yield Stream(rate, None, result)
            return
        job = self.scheduler.submit(work, feed, rate)
        stream = Stream(rate, job)
        try:
            yield stream
        finally:
            if key is not None and stream.sounds and job.good:
                self._keep_result(key, job, stream.sounds)
            job.cancel("disconnected")

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
        """Bring a model into memory. Raises what loading raises."""
        await asyncio.wrap_future(self.engine.call(self.engine.lanes[name].load))

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

    def _keep_result(self, key: Hashable, job: SpeechJob, sounds: list[Sound]) -> None:
        whole = sum(len(sound.samples) for sound in sounds) == job.samples
        if whole and not job.warnings and job.seconds <= LONGEST_S:
            result = Result(tuple(sounds), job.rate, job.input_tokens, job.output_frames)
            self.cache.put(key, result)

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


def cache_key(work: Work, feed: Feed) -> Hashable | None:
    """What makes two results equal; none for a text that is still coming."""
    if not feed.finished:
        return None
    voice = work.voice
    options = tuple(sorted((name, repr(value)) for name, value in work.options.items()))
    return feed.text, voice.id, voice.created, voice.model, work.speed, work.seed, options
