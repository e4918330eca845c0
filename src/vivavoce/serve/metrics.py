"""What the server counts, in Prometheus' words. No text, voice or key is in any label."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.process_collector import ProcessCollector

from vivavoce.serve.job import SpeechJob

SECONDS = (0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0)
LAGS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5)
ROWS = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """Of one server; a `Watcher` of its scheduler."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        prefix = "vivavoce"

        def counter(name: str, says: str, *labels: str) -> Counter:
            return Counter(f"{prefix}_{name}", says, labels, registry=registry)

        def histogram(name: str, says: str, buckets: tuple[float, ...]) -> Histogram:
            return Histogram(f"{prefix}_{name}", says, buckets=buckets, registry=registry)

        def gauge(name: str, says: str, *labels: str) -> Gauge:
            return Gauge(f"{prefix}_{name}", says, labels, registry=registry)

        self.requests = counter("requests", "Answered requests.", "dialect", "status")
        self.audio = counter("audio_seconds", "Seconds of speech made.", "model")
        self.cancelled = counter("cancelled", "Requests that were cancelled.", "reason")
        self.rejected = counter("rejected", "Requests that were refused.", "code")
        self.failed = counter("failed", "Requests that failed.", "after")
        self.cache_hits = counter("cache_hits", "Requests answered from the cache.")
        self.request_s = histogram("request_seconds", "From request to last byte.", SECONDS)
        self.first_audio_s = histogram("first_audio_seconds", "To the first samples.", SECONDS)
        self.queue_s = histogram("queue_seconds", "Until the engine began.", SECONDS)
        self.rows = histogram("batch_rows", "Utterances in the engine at the same time.", ROWS)
        self.lag_s = histogram("loop_lag_seconds", "Delay of the event loop.", LAGS)
        self.active = gauge("active_requests", "Requests being spoken.")
        self.queued = gauge("queued_requests", "Requests that wait.")
        self.loaded = gauge("model_loaded", "1 while the model is in memory.", "model")
        self.device_memory = gauge("device_memory_bytes", "Held by the engine's device.")

    def started(self, job: SpeechJob) -> None:
        self.queue_s.observe(job.waited_s(time.monotonic()))

    def done(self, job: SpeechJob, error: Exception | None) -> None:
        if job.first_audio_at is not None:
            self.first_audio_s.observe(job.waited_s(job.first_audio_at))
        self.audio.labels(job.work.model).inc(job.seconds)
        if job.cancelled:
            self.cancelled.labels(job.cancelled).inc()
        elif error is not None:
            self.failed.labels("first_byte" if job.samples else "nothing").inc()

    def refused(self, code: str) -> None:
        self.rejected.labels(code).inc()

    def answered(self, dialect: str, status: int, seconds: float) -> None:
        self.requests.labels(dialect, str(status)).inc()
        self.request_s.observe(seconds)

    def text(self) -> bytes:
        return generate_latest(self.registry)
