"""One model on the engine's thread: loaded when needed, a session, and the jobs that share it."""

from __future__ import annotations

import contextlib
import gc
import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from vivavoce.errors import VivavoceError
from vivavoce.serve.budget import rows_that_fit
from vivavoce.serve.config import ServeConfig
from vivavoce.serve.errors import Cancelled
from vivavoce.serve.job import SpeechJob
from vivavoce.serve.scheduler import Scheduler
from vivavoce.serve.speaking import SpokenJob
from vivavoce.serve.table import VoiceRow

if TYPE_CHECKING:
    from vivavoce.speech.engine import TTS
    from vivavoce.speech.session import Session
    from vivavoce.types import Voice

log = logging.getLogger("vivavoce.serve")
VOICES_KEPT = 8
LEAD_S = 0.5
"""Seconds of audio ahead of its listener below which a job comes before others."""
LOOK_AHEAD = 2
"""Sentences of one job side by side, where the model batches and nobody else waits."""


class Lane:
    """Used by the engine's thread only, but for `loaded`.

    `rows` is how many sentences share a step: as the configuration says, or fewer where
    `most_memory` (bytes, 0: no limit) leaves no room for them.
    """

    def __init__(
        self, name: str, load: Callable[[], TTS], scheduler: Scheduler, config: ServeConfig
    ) -> None:
        self.name, self._load = name, load
        self.scheduler, self.config = scheduler, config
        self.tts: TTS | None = None
        self.session: Session | None = None
        self.jobs: dict[SpeechJob, SpokenJob] = {}
        self.handles: dict[int, SpokenJob] = {}
        self.used_at = time.monotonic()
        self.most_memory, self.rows = config.max_memory, config.max_concurrent
        self._voices: OrderedDict[tuple[str, int], Voice] = OrderedDict()

    @property
    def loaded(self) -> bool:
        return self.tts is not None

    @property
    def memory(self) -> int:
        """Bytes held where the model runs, by all models there; 0 where nobody knows."""
        from vivavoce.runtime.memory import memory

        device = self.tts.selection.device if self.tts is not None else "cpu"
        return memory(device).used or 0

    @property
    def wanted(self) -> bool:
        """Whether a job for this model waits or speaks."""
        return any(job.work.model == self.name for job in list(self.scheduler.jobs))

    def load(self) -> TTS:
        """The model, loaded now if it is not. Raises what `vivavoce.load` raises."""
        if self.tts is None:
            self.scheduler.loading = self.name
            try:
                self.tts = self._load()
                self.rows = self._fitting(self.tts)
                self.session = self.tts.session(self.rows)
            finally:
                self.scheduler.loading = ""
        self.used_at = time.monotonic()
        return self.tts

    def unload(self) -> bool:
        """Drop the weights, unless somebody uses them; whether that was done."""
        if self.jobs or self.tts is None:
            return False
        from vivavoce.runtime.memory import trim

        self.tts = self.session = None
        self._voices.clear()
        gc.unfreeze()  # `server.serve` had told the collector to leave the model alone
        trim()
        return True

    def step(self) -> bool:
        """Admit, one step of the model, hand out. Whether there was anything to do."""
        self._drop_cancelled()
        if not self.wanted:
            return False
        try:
            self.load()
        except Exception:
            log.exception("'%s' cannot be loaded", self.name)
            self._fail_all(RuntimeError("The model cannot be loaded."))
            return True
        admitted = self._admit()
        if self.handles and self.session is not None:
            self._work(self.session)
            return True
        return admitted

    def voice(self, row: VoiceRow) -> Voice:
        """The voice of a row of the table; files are read once while they do not change."""
        tts = self.load()
        if row.file is None:
            return tts.model.voice(row.speaker or None)
        from vivavoce.hub import voice_file

        key = (row.id, row.file.stat().st_mtime_ns)
        if key not in self._voices:
            self._voices[key] = voice_file.load(row.file)
        self._voices.move_to_end(key)
        while len(self._voices) > VOICES_KEPT:
            self._voices.popitem(last=False)
        return self._voices[key]

    def fail(self, error: Exception) -> None:
        """Something that should not happen: every job of this model ends, the session is new."""
        self._fail_all(error)
        if self.tts is not None:
            self.session = self.tts.session(self.rows)

    def _fitting(self, tts: TTS) -> int:
        """As many rows as are asked for, if they fit beside what is held already."""
        batching = tts.model.traits.emits_parts
        asked = self.config.max_concurrent if batching else self.config.batch
        return rows_that_fit(asked, self.most_memory, self.memory, tts.model.row_bytes)

    def _admit(self) -> bool:
        admitted = False
        while self._has_room():
            job = self.scheduler.choose(self.name, self._wants)
            if job is None:
                break
            admitted = True
            with self._failing(job):
                self._next(job)
            if job in self.jobs and self.jobs[job].unsettled:
                break  # its text takes long: the others' next step comes first
        return admitted

    def _has_room(self) -> bool:
        """Whether another utterance may join the session.

        Where a step advances every row, rows are what is scarce. Where whole sentences are made,
        one batch is: those that have been made only wait for their windows, and so every job that
        was accepted may be among them.
        """
        config = self.config
        if self.session is None or self._batching:
            return len(self.handles) < self.rows
        most = config.max_concurrent + config.max_queue
        return len(self.session.handles) < self.rows and len(self.handles) < most

    @property
    def _batching(self) -> bool:
        """Whether jobs join and leave the model's batch at any step."""
        return self.tts is not None and self.tts.model.traits.emits_parts

    def _wants(self, job: SpeechJob) -> bool:
        speaking = self.jobs.get(job)
        if speaking is None:
            return job.feed.ready
        return speaking.wants(self._at_once())

    def _at_once(self) -> int:
        return LOOK_AHEAD if self._batching and not self.scheduler.waiting else 1

    def _next(self, job: SpeechJob) -> None:
        """Put the job's next utterance into the session, if its text has one."""
        tts, session = self.load(), self.session
        speaking = self.jobs.get(job)
        if speaking is None:
            speaking = SpokenJob(job, tts, self.voice(job.work.voice))
            self.jobs[job] = speaking
            self.scheduler.begun(job)
        speaking.settle()
        if speaking.pending is not None and session is not None:
            handle = session.add(speaking.pending, speaking.request)
            speaking.begin(handle)
            self.handles[handle] = speaking
        elif speaking.finished:
            self._end(job)

    def _work(self, session: Session) -> None:
        for handle, result in session.step(self._most_urgent):
            speaking = self.handles.get(handle)
            if speaking is None:
                continue
            if isinstance(result, VivavoceError):
                self._end(speaking.job, result)
                continue
            with self._failing(speaking.job):
                speaking.take(handle, result)
                if handle not in speaking.slots or speaking.slots[handle].ended:
                    self.handles.pop(handle, None)
                    speaking.settle()
                if speaking.finished:
                    self._end(speaking.job)
        self.used_at = time.monotonic()

    def _most_urgent(self, due: Sequence[int]) -> Sequence[int]:
        """Whose window is decoded now: of those whose listeners would soon wait, else of all."""
        return [handle for handle in due if self._lead_s(handle) < LEAD_S] or due

    def _lead_s(self, handle: int) -> float:
        """How far ahead of its listener a job is, in seconds."""
        speaking = self.handles.get(handle)
        if speaking is None or speaking.job.first_audio_at is None:
            return -math.inf
        return speaking.job.seconds - (time.monotonic() - speaking.job.first_audio_at)

    @contextlib.contextmanager
    def _failing(self, job: SpeechJob):  # noqa: ANN202 - a context manager
        """An error of one job ends that job alone."""
        try:
            yield
        except VivavoceError as error:
            self._end(job, error)
        except Exception as error:
            log.exception("job %d failed", job.number)
            self._end(job, error)

    def _end(self, job: SpeechJob, error: Exception | None = None) -> None:
        self._drop(job)
        self.scheduler.done(job, None if isinstance(error, Cancelled) else error)

    def _drop(self, job: SpeechJob) -> None:
        speaking = self.jobs.pop(job, None)
        for handle in [h for h, one in self.handles.items() if one is speaking]:
            del self.handles[handle]
            if self.session is not None:
                self.session.drop(handle)

    def _drop_cancelled(self) -> None:
        for job in [j for j in list(self.scheduler.jobs) if j.work.model == self.name]:
            if job.cancelled:
                self._end(job)

    def _fail_all(self, error: Exception) -> None:
        for job in [j for j in list(self.scheduler.jobs) if j.work.model == self.name]:
            self._end(job, error)
