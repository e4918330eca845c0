"""What a server does when it is asked to go: it finishes what sounds, and is gone."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.serve.conftest import MEDIUM
from tests.serve.test_scheduler import wait_for
from tests.serve.test_sockets import Client, audio, heard, say

ROOT = Path(__file__).parents[2]
BOOK = " ".join([MEDIUM] * 4)
KERNEL = 16 << 10  # bytes that the system may keep for a reader

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@dataclass
class Process:
    """A server that can be signalled."""

    port: int
    wyoming: int
    process: subprocess.Popen

    @property
    def base(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def takes_more(self):
        """Whether new connections are taken, and asked for."""
        try:
            return httpx.get(f"{self.base}/ready", trust_env=False).status_code == 200
        except httpx.ConnectError:
            return False

    def speech(self, text=BOOK, **more):
        body = {"model": "tiny", "input": text, "response_format": "pcm"} | more
        return httpx.post(f"{self.base}/v1/audio/speech", json=body, timeout=30, trust_env=False)

    def asked(self, text=BOOK, **more):
        """A reader that has not begun to read, with little room in the system for it."""
        body = json.dumps({"model": "tiny", "input": text, "response_format": "pcm"} | more)
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL)
        one.settimeout(30)
        one.connect(("127.0.0.1", self.port))
        head = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        one.sendall(
            f"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\n{head}\r\n{body}".encode()
        )
        return one


@pytest.fixture
def running():
    """One that is ready."""
    port, wyoming = free_port(), free_port()
    command = [sys.executable, "-m", "tests.serve.signalled", str(port), str(wyoming)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE)
    try:
        for line in process.stderr:
            if b"listening on" in line:
                break
        yield Process(port, wyoming, process)
    finally:
        process.kill()
        process.communicate()


def all_of(one):
    data = b""
    while part := one.recv(65536):
        data += part
    return data


def test_a_signal_lets_finish_what_sounds(running):
    """A stream whose reader is slow, a turn, a text over Wyoming; idle connections are closed."""
    whole = np.frombuffer(running.speech().content, "<i2")
    address = running.base.replace("http", "ws") + "/v1/audio/speech/stream"
    with ExitStack() as stack:
        idle, turn = (stack.enter_context(connect(address)) for _ in range(2))
        wyoming = stack.enter_context(Client(running))
        reader = stack.enter_context(running.asked(seed=1))
        idle.recv(timeout=20)
        turn.recv(timeout=20)
        wyoming.send("synthesize", text=BOOK)
        assert wyoming.next()[0] == "audio-start"
        say(turn, "start")
        say(turn, "text", text=BOOK)
        say(turn, "end")
        assert json.loads(turn.recv(timeout=20))["type"] == "audio.start"
        running.process.send_signal(signal.SIGTERM)
        wait_for(lambda: not running.takes_more)
        assert np.array_equal(audio(wyoming.until("audio-stop")), whole)
        assert np.array_equal(heard(turn)[1], whole)
        time.sleep(0.5)  # the slow one has most of it to fetch yet
        assert all_of(reader).endswith(b"\r\n0\r\n\r\n")
        with pytest.raises(ConnectionClosed) as ended:
            idle.recv(timeout=20)
        assert ended.value.rcvd.code == 1012
    assert running.process.wait(20) == 0
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", running.port))


def test_a_second_signal_ends_it_at_once(running):
    with running.asked(" ".join([BOOK] * 60)) as reader:
        assert reader.recv(100).startswith(b"HTTP/1.1 200")
        running.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert running.process.poll() is None
        running.process.send_signal(signal.SIGINT)
        begin = time.monotonic()
        assert running.process.wait(20) == 0
        assert time.monotonic() - begin < 5
        assert not all_of(reader).endswith(b"\r\n0\r\n\r\n")
