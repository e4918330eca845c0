"""Who comes next, who is refused, and that a request which is given up frees its place."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest

from tests.serve.conftest import MEDIUM, SHORT
from vivavoce.serve.config import RequestLimits, ServeConfig
from vivavoce.serve.errors import ApiError
from vivavoce.serve.feed import End, Feed, Segment, certain
from vivavoce.serve.job import Work
from vivavoce.serve.metrics import Metrics
from vivavoce.serve.outbox import FULL_S, EndOfSpeech, Outbox, Sound
from vivavoce.serve.scheduler import Scheduler
from vivavoce.serve.table import VoiceRow

VOICE = VoiceRow(id="v", name="v", model="m")
BOOK = " ".join([MEDIUM] * 60)


def plan(*keys, **limits):
    """A scheduler with a job per key, named by key and number."""

    async def make():
        config = ServeConfig(max_concurrent=2, max_queue=20, limits=RequestLimits(**limits))
        scheduler = Scheduler(config, Metrics())
        jobs = {}
        for key in keys:
            work = Work(voice=VOICE, key=key)
            jobs[scheduler.submit(work, Feed.whole("x"), 24_000)] = f"{key}{len(jobs)}"
        return scheduler, jobs

    return asyncio.run(make())


def turns(scheduler, jobs, count):
    order = []
    for _ in range(count):
        job = scheduler.choose("m", lambda job: True)
        if job is None:
            break
        if job.started_at is None:
            scheduler.begun(job)
        order.append(jobs[job])
    return order


def test_clients_take_turns_and_new_requests_go_first():
    scheduler, jobs = plan("a", "a", "a", "b")
    assert turns(scheduler, jobs, 4) == ["a0", "b3", "a1", "b3"]
    assert turns(scheduler, jobs, 4) == ["a2", "b3", "a0", "b3"]


def test_another_model_s_jobs_are_left_alone():
    scheduler, jobs = plan("a")
    assert scheduler.choose("other", lambda job: True) is None
    assert turns(scheduler, jobs, 1) == ["a0"]


def test_a_full_server_refuses_and_says_when_to_come_back():
    with pytest.raises(ApiError) as refused:
        plan(*["a"] * 23)
    assert (refused.value.status, refused.value.code) == (503, "overloaded")
    assert 1 <= int(refused.value.headers["retry-after"]) <= 60


def test_a_key_has_a_limit_of_its_own():
    with pytest.raises(ApiError) as refused:
        plan("b", "a", "a", "a", per_key=2)
    assert (refused.value.status, refused.value.code) == (429, "rate_limit_exceeded")


def test_what_waits_too_long_is_refused():
    scheduler, jobs = plan("a", "b", queue_s=-1)
    begun = scheduler.choose("m", lambda job: True)
    scheduler.begun(begun)
    scheduler.expire()
    assert scheduler.jobs == [begun]
    (late,) = set(jobs) - {begun}
    with pytest.raises(ApiError, match="too long"):
        asyncio.run(late.outbox.first.get())


def test_the_silence_of_a_client_is_no_waiting():
    """A turn is a job from its start; its text may come minutes later."""
    scheduler, feed = Scheduler(ServeConfig(), Metrics()), Feed()

    async def submit():
        return scheduler.submit(Work(voice=VOICE), feed, 24_000)

    job = asyncio.run(submit())
    time.sleep(0.05)
    assert job.waited_s(time.monotonic()) == 0
    feed.add("x")
    feed.finish()
    assert 0 < job.waited_s(time.monotonic()) < 0.05
    assert job.waited_s(job.created_at + 60) < 60 - 0.05


def test_a_server_that_goes_refuses_what_has_not_begun():
    scheduler, jobs = plan("a", "b")
    begun = scheduler.choose("m", lambda job: True)
    scheduler.begun(begun)
    scheduler.close()
    assert scheduler.jobs == [begun]
    assert turns(scheduler, jobs, 1) == ["a0"]


def test_an_outbox_is_full_until_it_is_read():
    async def go():
        drained = threading.Event()
        outbox = Outbox(asyncio.get_running_loop(), drained.set)
        outbox.put(Sound(np.zeros(1)), FULL_S / 2)
        assert not outbox.full
        outbox.put(Sound(np.ones(1)), FULL_S / 2)
        assert outbox.full
        outbox.put(EndOfSpeech())
        assert (await outbox.get()).samples[0] == 0
        assert drained.is_set()
        assert (await outbox.get()).samples[0] == 1
        for _ in range(2):
            with pytest.raises(EndOfSpeech):
                await outbox.get()

    asyncio.run(go())


@pytest.mark.parametrize(
    ("text", "sure"),
    [
        ("Hello wor", ""),
        ("Hello world.", ""),
        ("Hello world. A", "Hello world."),
        ("One. Two. Th", "One. Two."),
        ("Mr. Smi", ""),
        ("It costs 3.5 pounds", ""),
        ("word " * 30 + "and, " + "word " * 20, "word " * 30 + "and,"),
    ],
)
def test_a_text_is_cut_where_a_sentence_is_sure_to_end(text, sure):
    assert text[: certain(text)] == sure


def test_a_feed_gives_out_everything_once():
    feed = Feed()
    for piece in ("One. T", "wo, and", " three"):
        feed.add(piece)
        feed.release()
    feed.finish()
    items = []
    while (item := feed.peek()) is not None:
        feed.pop()
        items.append(item)
    assert isinstance(items[-1], End)
    segments = [item for item in items if isinstance(item, Segment)]
    assert "".join(segment.text for segment in segments) == feed.text
    assert [feed.text[s.start :].startswith(s.text) for s in segments] == [True, True]


def wait_for(condition, seconds=10.0):
    latest = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < latest
        time.sleep(0.01)


@contextmanager
def held(running):
    """The engine waits, so that requests pile up."""
    entered, leave = threading.Event(), threading.Event()
    running.service.engine.call(lambda: (entered.set(), leave.wait(20)))
    assert entered.wait(10)
    yield
    leave.set()


def test_a_client_that_leaves_frees_its_place(start):
    running = start(max_concurrent=1, max_queue=4)
    scheduler = running.service.scheduler
    with running.client() as client:
        body = running.body(BOOK)
        with client.stream("POST", "/v1/audio/speech", json=body) as answer:
            next(answer.iter_bytes())
            assert scheduler.active == 1
    wait_for(lambda: not scheduler.jobs)
    assert running.speech().status_code == 200


def test_a_client_that_leaves_while_it_waits_is_never_spoken(start):
    running = start(max_concurrent=1, max_queue=4)
    scheduler = running.service.scheduler
    body = json.dumps(running.body("Never spoken.")).encode()
    head = (
        "POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with held(running):
        with socket.create_connection(("127.0.0.1", running.port)) as raw:
            raw.sendall(head.encode() + body)
            wait_for(lambda: scheduler.waiting == 1)
            (job,) = scheduler.jobs
        wait_for(lambda: job.cancelled == "disconnected")
    wait_for(lambda: not scheduler.jobs)
    assert job.started_at is None


@pytest.mark.parametrize("part", ["今日は天気がいい。", " . ", "<p>.</p>"])
def test_a_text_without_a_sound_holds_nobody_up(start, part):
    running = start(max_concurrent=2, max_queue=4, cache_bytes=0)
    scheduler = running.service.scheduler
    silent = part * (99_990 // len(part))
    begin = time.monotonic()
    answer = running.speech(silent + " \N{HIRAGANA LETTER A}")
    alone_s = time.monotonic() - begin
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "nothing_to_speak")
    with ThreadPoolExecutor(1) as pool:
        planned = pool.submit(running.speech, silent + " \N{HIRAGANA LETTER I}")
        wait_for(lambda: scheduler.active == 1)
        (job,) = scheduler.jobs
        assert running.speech(SHORT).status_code == 200
        assert not planned.done()
        begin = time.monotonic()
        running.loop.call_soon_threadsafe(job.cancel, "disconnected")
        wait_for(lambda: not scheduler.jobs)
        assert time.monotonic() - begin < alone_s


def test_a_slow_reader_holds_little_and_delays_nobody(start):
    running = start(max_concurrent=2, max_queue=4, cache_bytes=0)
    with running.client() as client:
        body = running.body(BOOK)
        with client.stream("POST", "/v1/audio/speech", json=body) as slow:
            pieces = slow.iter_raw()
            data = next(pieces)
            (job,) = running.service.scheduler.jobs
            wait_for(lambda: job.outbox.full)
            made = job.seconds
            assert running.speech(SHORT).status_code == 200
            assert job.seconds - made < 15  # one utterance at most, and what the sockets hold
            data += b"".join(pieces)
    samples = np.frombuffer(data, "<i2")
    assert np.array_equal(samples, running.spoken(BOOK))


def test_overload_is_refused_and_never_answered_wrongly(start):
    running = start(max_concurrent=2, max_queue=2, cache_bytes=0)
    asked = [(f"Number {n}. {MEDIUM}", n) for n in range(16)]
    with ThreadPoolExecutor(16) as pool:
        with held(running):
            futures = [pool.submit(running.speech, text, seed=seed) for text, seed in asked]
            wait_for(lambda: sum(future.done() for future in futures) == 12)
        answers = [future.result() for future in futures]
    assert sorted(answer.status_code for answer in answers) == [200] * 4 + [503] * 12
    for (text, seed), answer in zip(asked, answers, strict=True):
        if answer.status_code == 200:
            wanted = running.spoken(text, seed=seed)
            assert np.array_equal(np.frombuffer(answer.content, "<i2"), wanted)
        else:
            assert answer.json()["error"]["code"] == "overloaded"
            assert int(answer.headers["retry-after"]) >= 1


def test_a_model_that_is_not_used_leaves_memory(start):
    running = start(idle_unload_s=0.2, cache_bytes=0)
    lane = running.service.engine.lanes["tiny"]
    wait_for(lambda: not lane.loaded)
    assert running.speech().status_code == 200
    assert lane.loaded
