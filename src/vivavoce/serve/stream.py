"""Speech of one request as a dialect reads it: from the engine, beside others, or kept."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from vivavoce.serve.cache import Result
from vivavoce.serve.job import SpeechJob, events
from vivavoce.serve.outbox import FlushMark, Outbox, Sound


class Stream:
    """`result`, or a `reader` of a `job` that others may read too. Counts are whole at the end.

    `cached`: nothing had to be computed for this request.
    """

    def __init__(
        self,
        rate: int,
        job: SpeechJob | None = None,
        reader: Outbox | None = None,
        result: Result | None = None,
    ) -> None:
        self.rate, self.job, self._result = rate, job, result
        self._reader = reader or (job.outbox.first if job is not None else None)
        self.cached = result is not None or reader is not None

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
            facts["queue_s"] = round(job.waited_s(job.started_at), 4)
            if job.first_audio_at is not None:
                facts["first_audio_s"] = round(job.waited_s(job.first_audio_at), 4)
        return facts

    def cancel(self, reason: str) -> None:
        """The reader has had enough. The work goes on while another one reads it."""
        if self.job is not None and self._reader is not None:
            self.job.leave(self._reader, reason)

    async def events(self) -> AsyncGenerator[Sound | FlushMark, None]:
        """In order, to the end. Raises what went wrong, Cancelled too."""
        if self._result is not None:
            for sound in self._result.sounds:
                yield sound
            return
        assert self._reader is not None  # noqa: S101 - one of the two is there
        async for event in events(self._reader):
            yield event
