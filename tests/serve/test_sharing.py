"""Equal requests: one computation for those at once, a result kept for those that come later."""

from __future__ import annotations

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.client import HTTPConnection, HTTPResponse

import numpy as np
import pytest

from tests.serve.conftest import MEDIUM, SHORT
from tests.serve.test_scheduler import BOOK, held, plan, turns, wait_for
from vivavoce.serve.cache import Result, cache_key
from vivavoce.serve.config import ServeConfig
from vivavoce.serve.disk import DiskCache
from vivavoce.serve.errors import ApiError
from vivavoce.serve.feed import Feed
from vivavoce.serve.job import Work
from vivavoce.serve.openai import Refusals
from vivavoce.serve.outbox import Sound, SpokenWord
from vivavoce.serve.table import ModelRow, VoiceRow

MODEL = ModelRow(name="m", family="f")
VOICE = VoiceRow(id="v", name="v", model="m")


def samples(answer):
    assert answer.status_code == 200
    return np.frombuffer(answer.content, "<i2")


def test_equal_requests_at_once_are_computed_once(start):
    running = start(max_concurrent=2, max_queue=8)
    scheduler = running.service.scheduler
    with ThreadPoolExecutor(5) as pool:
        with held(running):
            equal = [pool.submit(running.speech, MEDIUM, seed=5) for _ in range(4)]
            other = pool.submit(running.speech, MEDIUM, seed=6)
            wait_for(lambda: len(scheduler.jobs) == 2 and readers(running) == 4)
        answers = [future.result() for future in equal]
    wanted = running.spoken(MEDIUM, seed=5)
    assert all(np.array_equal(samples(answer), wanted) for answer in answers)
    assert np.array_equal(samples(other.result()), running.spoken(MEDIUM, seed=6))
    assert sorted(answer.headers["x-cache"] for answer in answers) == ["hit"] * 3 + ["miss"]
    assert running.speech(MEDIUM, seed=5).headers["x-cache"] == "hit"


def readers(running):
    """Of the request that most wait for."""
    return max(len(job.outbox.readers) for job in list(running.service.scheduler.jobs))


def ask(running, text=MEDIUM):
    """Send a request, and read nothing yet."""
    connection = HTTPConnection("127.0.0.1", running.port, timeout=20)
    body = json.dumps(running.body(text))
    connection.request("POST", "/v1/audio/speech", body, {"content-type": "application/json"})
    return connection


@pytest.mark.parametrize("leaver", [0, 1])
def test_who_leaves_does_not_cancel_the_other(start, leaver):
    running = start(max_concurrent=1, max_queue=4)
    scheduler = running.service.scheduler
    clients = []
    with held(running):
        for number in range(2):
            clients.append(ask(running))
            wait_for(lambda n=number: scheduler.jobs and readers(running) == n + 1)
        clients.pop(leaver).close()  # while it waits
        (job,) = scheduler.jobs
        wait_for(lambda: len(job.outbox.readers) == 1)
    heard = np.frombuffer(clients[0].getresponse().read(), "<i2")
    clients[0].close()
    assert np.array_equal(heard, running.spoken(MEDIUM))
    wait_for(lambda: not scheduler.jobs)


def test_what_nobody_waits_for_ends_and_can_be_asked_for_again(start):
    running = start(max_concurrent=1, max_queue=4)
    scheduler = running.service.scheduler
    with held(running):
        client = ask(running)
        wait_for(lambda: len(scheduler.jobs) == 1)
        (job,) = scheduler.jobs
        client.close()
        wait_for(lambda: job.cancelled)
    assert np.array_equal(samples(running.speech(MEDIUM)), running.spoken(MEDIUM))


def test_a_long_text_is_computed_for_each(start):
    running = start(max_concurrent=2, max_queue=4)
    with ThreadPoolExecutor(2) as pool, held(running):
        for _ in range(2):
            pool.submit(running.speech, BOOK)
        wait_for(lambda: len(running.service.scheduler.jobs) == 2)
        running.service.scheduler.cancel_all("test")


def test_a_result_on_disk_outlives_the_server(start, tmp_path):
    first = start(cache_dir=tmp_path / "cache")
    wav = first.speech(MEDIUM, response_format="wav")
    wait_for(lambda: list((tmp_path / "cache").glob("*.speech")))
    later = start(cache_dir=tmp_path / "cache")
    answer = later.speech(MEDIUM, response_format="wav")
    assert (wav.headers["x-cache"], answer.headers["x-cache"]) == ("miss", "hit")
    assert answer.content == wav.content
    words = later.speech(MEDIUM, stream_format="sse", timestamps=True).text
    assert '"text_start"' in words


def result(n_samples=100):
    draw = np.random.default_rng(1).standard_normal(n_samples).astype(np.float32)
    word = SpokenWord("a", 0.0, 0.5, 0, 1)
    return Result((Sound(draw[:40], (word,)), Sound(draw[40:])), 24_000, 3, 4)


def test_a_kept_result_is_the_same_to_the_last_bit(tmp_path):
    cache, kept = DiskCache(tmp_path, 1 << 20), result()
    assert cache.get("a") is None
    cache.put("a", kept)
    found = cache.get("a")
    assert [s.samples.tobytes() for s in found.sounds] == [s.samples.tobytes() for s in kept.sounds]
    assert [s.words for s in found.sounds] == [s.words for s in kept.sounds]
    assert replace(found, sounds=()) == replace(kept, sounds=())


def test_the_folder_is_bounded_and_the_longest_unused_goes(tmp_path):
    cache = DiskCache(tmp_path, 30_000)
    for key in ("a", "b"):
        cache.put(key, result(3000))
        time.sleep(0.01)
    assert cache.get("a") is not None  # now "b" is the one that was not used
    cache.put("c", result(3000))
    assert sorted(path.stem for path in tmp_path.glob("*.speech")) == ["a", "c"]
    cache.put("huge", result(30_000))
    assert cache.get("huge") is None


@pytest.mark.parametrize("content", [b"", b"\x08\0\0\0\0\0\0\0{}      ", b"x" * 100])
def test_a_damaged_file_counts_as_absent(tmp_path, content):
    cache = DiskCache(tmp_path, 1 << 20)
    path = tmp_path / "a.speech"
    path.write_bytes(content)
    assert cache.get("a") is None
    assert not path.exists()
    cache.put("a", result())
    assert cache.get("a") is not None


def key(work=None, text=SHORT, model=MODEL, **settings):
    work = work or Work(voice=VOICE, key="alice")
    return cache_key(work, Feed.whole(text), model, ServeConfig(**settings))


def test_what_makes_two_results_equal():
    other = Work(voice=VOICE, key="bob")
    assert key() == key(other)
    assert key(private_cache=True) != key(other, private_cache=True)
    changed = [
        key(text="Other words."),
        key(Work(voice=VOICE, seed=1)),
        key(Work(voice=VOICE, speed=1.5)),
        key(Work(voice=VOICE, options={"temperature": 0.5})),
        key(Work(voice=replace(VOICE, created=1))),
        key(model=replace(MODEL, weights="1234")),
        key(precision="bfloat16"),
    ]
    assert len({key(), *changed}) == len(changed) + 1


def test_a_text_that_is_spoken_in_pieces_is_no_result_for_a_whole_one():
    def of(*parts, flush=False):
        feed = Feed()
        for part in parts:
            feed.add(part)
            feed.release()
        if flush:
            feed.mark(1)
        feed.finish()
        return cache_key(Work(voice=VOICE), feed, MODEL, ServeConfig())

    assert of("One ", "day.") == key(Work(voice=VOICE), text="One day.") != ""
    assert of("One day. ", "Then another.") == ""
    assert of("One day.", flush=True) == ""


def test_a_voice_that_was_made_again_is_another(tmp_path):
    file = tmp_path / "me.safetensors"
    file.write_bytes(b"one")
    work = Work(voice=replace(VOICE, file=file))
    before = key(work)
    file.write_bytes(b"other")
    assert key(work) != before
    file.unlink()
    assert key(work) == ""


def test_clients_with_a_private_cache_share_nothing(start):
    keys = (("alice", "a"), ("bob", "b"))
    running = start(keys=keys, private_cache=True)
    heard = []
    for _, secret in (*keys, keys[0]):
        with running.client(headers={"Authorization": f"Bearer {secret}"}) as client:
            answer = client.post("/v1/audio/speech", json=running.body(SHORT))
        heard.append(answer.headers["x-cache"])
    assert heard == ["miss", "miss", "hit"]


def test_a_shared_computation_comes_when_it_is_the_turn_of_any_who_wait_for_it():
    scheduler, jobs = plan("a", "a", "a")
    last = list(jobs)[2]
    scheduler.join(last, "b")
    assert turns(scheduler, jobs, 3) == ["a0", "a2", "a1"]
    for job in list(jobs):
        scheduler.done(job)
    assert turns(scheduler, jobs, 1) == []


def test_a_client_s_limit_counts_what_it_waits_for_together_with_others():
    scheduler, jobs = plan("a", per_key=1)
    scheduler.join(next(iter(jobs)), "b")
    with pytest.raises(ApiError) as refused:
        scheduler.submit(Work(voice=VOICE, key="b"), Feed.whole("x"), 24_000)
    assert refused.value.status == 429


def test_a_server_that_goes_takes_nobody_more():
    scheduler, jobs = plan("a")
    scheduler.begun(next(iter(jobs)))
    scheduler.close()
    with pytest.raises(ApiError) as refused:
        scheduler.join(next(iter(jobs)), "b")
    assert refused.value.code == "shutting_down"


@pytest.mark.parametrize("keys", [(), (("alice", "secret"),)])
def test_a_full_server_refuses_before_it_reads_but_not_what_it_has(start, keys):
    running = start(max_concurrent=1, max_queue=1, keys=keys)
    headers = {"authorization": "Bearer secret"} if keys else {}

    def ask(text, **more):
        with running.client(headers=headers | more) as client:
            return client.post("/v1/audio/speech", json=running.body(text))

    def ask_in_one_packet(text):
        """`http.client` sends head and body one after the other."""
        content = json.dumps(running.body(text)).encode()
        lines = {"host": "localhost", "content-type": "application/json"} | headers
        lines |= {"content-length": str(len(content))}
        head = ["POST /v1/audio/speech HTTP/1.1", *(f"{k}: {v}" for k, v in lines.items()), "", ""]
        with socket.create_connection(("127.0.0.1", running.port)) as connection:
            connection.sendall("\r\n".join(head).encode() + content)
            answer = HTTPResponse(connection)
            answer.begin()
            return answer.status, answer.headers, json.loads(answer.read())["error"]["code"]

    known = ask("Said before.")
    with ThreadPoolExecutor(2) as pool, held(running):
        waiting = [pool.submit(ask, text) for text in ("One.", "Two.")]
        wait_for(lambda: running.service.scheduler.full)
        status, told, code = ask_in_one_packet("Three.")
        assert ask("Three.").status_code == ask(MEDIUM * 60).status_code == 503
        assert ask("Said before.").content == known.content
        assert ask("Three.", origin="http://elsewhere.example").status_code == 403
        assert ask("").json()["error"]["code"] == "nothing_to_speak"
        if keys:
            assert ask("Three.", authorization="Bearer wrong").status_code == 401
    assert [one.result().status_code for one in waiting] == [200, 200]
    assert (status, code) == (503, "overloaded")
    assert int(told["retry-after"]) >= 1
    assert told["x-request-id"].startswith("req_")
    assert told["connection"] == "close"  # only the short way has this


def in_one_packet(running, text, **more):
    content = json.dumps(running.body(text)).encode()
    lines = {"host": "localhost", "content-length": str(len(content))} | more
    head = ["POST /v1/audio/speech HTTP/1.1", *(f"{k}: {v}" for k, v in lines.items()), "", ""]
    return "\r\n".join(head).encode() + content


def refused(refusals, packets):
    answers = [refusals(packet, "127.0.0.1") for packet in packets]
    assert all(b" 503 " in answer and b"retry-after" in answer for answer in answers if answer)
    return [answer is not None for answer in answers]


@pytest.mark.parametrize("cache_bytes", [0, 1 << 20])
def test_a_crowd_counts_as_it_arrives(start, cache_bytes):
    """Nothing of it is a job yet; nor is it ever, where keys are wrong or a page asks."""
    running = start(max_concurrent=1, max_queue=2, cache_bytes=cache_bytes)
    refusals = Refusals(running.service, moment_s=600)
    foreign = in_one_packet(running, "No.", origin="http://elsewhere.example")
    crowd = [in_one_packet(running, f"Number {n}.") for n in range(5)]
    assert refused(refusals, [foreign] * 4 + crowd) == [False] * 7 + [True] * 2
    assert refused(refusals, [crowd[0], foreign]) == [not cache_bytes, False]
    assert running.speech(SHORT).status_code == 200  # one of them asks: there is a place more
    assert refused(refusals, [crowd[3], crowd[4]]) == [False, True]
    assert not any(refused(Refusals(running.service, moment_s=-1), crowd))
