"""What a client that does not read costs, weighed."""

from __future__ import annotations

import contextlib
import gc
import json
import socket
import sys
import time

import pytest

from tests.serve.conftest import MEDIUM
from tests.serve.test_scheduler import BOOK, wait_for
from vivavoce.runtime.memory import memory, trim

MIB = 1 << 20
READERS = 2
MOST = 16 * MIB

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells what a process holds"
)


def held():
    gc.collect()
    trim()
    return memory("cpu").used


@contextlib.contextmanager
def silent(running, text, **more):
    """A client that asks, and reads nothing; the system keeps little for it."""
    body = json.dumps(running.body(text, **more)).encode()
    head = (
        "POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.socket() as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 10)
        raw.connect(("127.0.0.1", running.port))
        raw.sendall(head.encode() + body)
        yield


def settled(jobs):
    """Whether nothing more is made for anybody."""
    before = [job.samples for job in jobs]
    time.sleep(0.2)
    return all(job.outbox.full for job in jobs) and [job.samples for job in jobs] == before


def test_a_slow_reader_holds_at_most_16_mib(start):
    running = start(max_concurrent=READERS, max_queue=READERS)
    for seed in range(4):
        assert running.speech(MEDIUM * 3, seed=seed).status_code == 200
    scheduler = running.service.scheduler
    before = held()
    with contextlib.ExitStack() as stack:
        for seed in range(READERS):
            stack.enter_context(silent(running, BOOK * 8, seed=seed))
        wait_for(lambda: len(scheduler.jobs) == READERS)
        jobs = list(scheduler.jobs)
        wait_for(lambda: settled(jobs), 30)
        assert (held() - before) / READERS <= MOST
        assert not any(job.ended for job in jobs)  # nobody wants the rest yet
    wait_for(lambda: not scheduler.jobs)
