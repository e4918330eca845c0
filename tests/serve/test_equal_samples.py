"""The same text, voice and seed: the same samples by every dialect, alone and among sixteen."""

from __future__ import annotations

import base64
import io
import json
from concurrent.futures import ThreadPoolExecutor

import av
import numpy as np
import pytest
import torch

from tests.serve.conftest import MEDIUM
from tests.serve.test_scheduler import held, wait_for
from tests.serve.test_sockets import Client, audio, heard, opened, say

VOICE = "speaker1"
CROWD = 16


def a_row_depends_on_how_many_there_are():
    """MKL's code for AVX2 rounds the rows left over from groups of six otherwise (docs/cpus.md)."""
    generator = torch.Generator().manual_seed(0)
    x, weight = (torch.randn(n, 16, generator=generator) for n in (12, 16))
    whole = torch.nn.functional.linear(x, weight)
    return not all(
        torch.equal(torch.nn.functional.linear(x[:n], weight), whole[:n]) for n in range(2, 12)
    )


def same(found, expected):
    """Bit for bit; where rows round by their number, that may tip the rounding to 16 bit."""
    if not a_row_depends_on_how_many_there_are():
        return np.array_equal(found, expected)
    return found.shape == expected.shape and np.abs(found.astype(int) - expected).max() <= 1


def pcm(data):
    return np.frombuffer(data, "<i2")


def by_http(server, form, **more):
    return server.speech(MEDIUM, voice=VOICE, response_format=form, **more).content


def by_flac(server):
    """What a decoder of others makes of the file."""
    with av.open(io.BytesIO(by_http(server, "flac"))) as file:
        return np.concatenate([frame.to_ndarray().ravel() for frame in file.decode(audio=0)])


def by_events(server):
    text = by_http(server, "pcm", stream_format="sse").decode()
    events = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]
    return pcm(b"".join(base64.b64decode(event.get("audio", "")) for event in events))


def by_websocket(server):
    with opened(server) as ws:
        ws.recv(timeout=20)
        say(ws, "start", voice=VOICE)
        say(ws, "text", text=MEDIUM)
        say(ws, "end")
        return heard(ws)[1]


def by_deepgram(server):
    with opened(server, f"/v1/speak?model={VOICE}&encoding=linear16&sample_rate=24000") as ws:
        ws.recv(timeout=20)
        ws.send(json.dumps({"type": "Speak", "text": MEDIUM}))
        ws.send(json.dumps({"type": "Flush"}))
        data = b""
        while isinstance(message := ws.recv(timeout=20), bytes):
            data += message
        return pcm(data)


def by_wyoming(server):
    with Client(server) as client:
        client.send("synthesize", text=MEDIUM, voice={"name": VOICE})
        return audio(client.until("audio-stop"))


def by_wyoming_stream(server):
    with Client(server) as client:
        client.send("synthesize-start", voice={"name": VOICE})
        client.send("synthesize-chunk", text=MEDIUM)
        client.send("synthesize-stop")
        return audio(client.until("synthesize-stopped"))


def by_get(server, path, **query):
    with server.client() as client:
        return pcm(client.get(path, params=query).content[44:])


WAYS = {
    "pcm": lambda server: pcm(by_http(server, "pcm")),
    "streamed wav": lambda server: pcm(by_http(server, "wav")[44:]),
    "whole wav": lambda server: pcm(by_http(server, "wav", stream=False)[44:]),
    "flac": by_flac,
    "events": by_events,
    "websocket": by_websocket,
    "deepgram": by_deepgram,
    "wyoming": by_wyoming,
    "wyoming streamed": by_wyoming_stream,
    "tts-server": lambda server: by_get(server, "/api/tts", text=MEDIUM, speaker_id=VOICE),
    "marytts": lambda server: by_get(server, "/process", INPUT_TEXT=MEDIUM, VOICE=VOICE),
}


@pytest.fixture(scope="module")
def fresh(start):
    """Nothing is shared or kept: every request is computed."""
    return start(max_concurrent=4, max_queue=40, cache_bytes=0)


@pytest.fixture(scope="module")
def spoken(fresh):
    return fresh.spoken(MEDIUM, VOICE)


@pytest.mark.parametrize("way", WAYS)
def test_alone(fresh, spoken, way):
    assert same(WAYS[way](fresh), spoken)


@pytest.mark.parametrize("cached", [False, True])
def test_among_sixteen(start, fresh, spoken, cached):
    """Others say other things in other voices; the engine begins when all have asked."""
    server = start(max_concurrent=4, max_queue=40) if cached else fresh

    def other(number):
        how = {"voice": f"speaker{number % 3}", "seed": number + 1, "speed": 1 + number / 50}
        return server.speech(f"Number {number}. {MEDIUM}", **how).status_code

    with ThreadPoolExecutor(CROWD + len(WAYS)) as pool:
        with held(server):
            mine = {way: pool.submit(speak, server) for way, speak in WAYS.items()}
            others = [pool.submit(other, number) for number in range(CROWD)]
            wait_for(lambda: server.service.heard == CROWD + len(WAYS))
        assert [one.result() for one in others] == [200] * CROWD
        unequal = [way for way, one in mine.items() if not same(one.result(), spoken)]
    assert unequal == []
