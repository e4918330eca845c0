"""A model whose streams share every step: toy XTTS behind the server."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.models.xtts.speaking import tiny_xtts
from tests.serve.test_scheduler import held, wait_for

VOICES = ("Claribel Dervla", "Damien Black")
REQUESTS = [
    {"text": f"Number {n} is here.", "voice": VOICES[n % 2], "seed": n, "speed": (1.0, 1.5)[n // 2]}
    for n in range(4)
]
ROWS = 3
ROUNDING = 1 + 1e-4 * 32768
"""The promise of a session, as 16 bit: products of more rows add up in another order."""


@pytest.fixture(scope="module")
def xtts(start):
    return start(tiny_xtts(), max_concurrent=ROWS, max_queue=8, cache_bytes=0)


def samples(answer):
    assert answer.status_code == 200, answer.text
    return np.frombuffer(answer.content, "<i2")


def asked(running, request):
    return samples(running.speech(model="tts-1", **request))


def off(one, other):
    """The largest difference; of another length, all of it."""
    assert len(one) == len(other)
    return np.abs(one.astype(int) - other).max()


def together(running, requests):
    """The samples of requests that begin at once, and how many rows shared a step at most."""
    lane, most = running.service.engine.lanes[running.tts.name], 0
    with ThreadPoolExecutor(len(requests)) as pool:
        with held(running):
            futures = [pool.submit(asked, running, request) for request in requests]
            wait_for(lambda: running.service.scheduler.waiting == len(requests))
        while not all(future.done() for future in futures):
            most = max(most, len(lane.handles))
            time.sleep(0.001)
    return [future.result() for future in futures], most


def test_streams_share_steps_and_are_as_each_alone(xtts):
    crowd, most = together(xtts, REQUESTS)
    assert most == ROWS
    for request, heard in zip(REQUESTS, crowd, strict=True):
        assert len(heard)
        assert off(heard, asked(xtts, request)) <= ROUNDING
        assert off(heard, xtts.spoken(**request)) <= ROUNDING


def test_little_memory_means_fewer_rows_and_the_same_speech(xtts, start):
    small = start(tiny_xtts(), max_concurrent=ROWS, max_memory=1, cache_bytes=0)
    assert small.service.engine.lanes[small.tts.name].rows == 1
    crowd, most = together(small, REQUESTS[:2])
    assert most == 1
    for request, heard in zip(REQUESTS, crowd, strict=False):
        assert off(heard, asked(xtts, request)) <= ROUNDING


def test_a_row_is_what_the_cache_takes():
    model = tiny_xtts().model
    longest = model.config.n_latents + model.config.max_text + 2 + model.config.max_codes + 3
    cache = model.gpt.cache(1)
    cache.reserve(longest)
    assert model.row_bytes == sum(layer.nbytes for layer in cache.layers)
