"""Programs of others, unchanged: the `openai` package, the official Wyoming client, our example."""

from __future__ import annotations

import asyncio
import io
import runpy
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from tests.serve.conftest import MEDIUM, SHORT

openai = pytest.importorskip("openai")
EXAMPLE = Path(__file__).parents[2] / "examples" / "openai_client.py"


@pytest.fixture
def client(server):
    with openai.OpenAI(base_url=f"{server.base}/v1", api_key="none", timeout=20) as made:
        yield made


def pcm(client, text=SHORT, **how):
    how = {"model": "tts-1", "voice": "speaker0"} | how
    return client.audio.speech.create(input=text, response_format="pcm", **how)


def test_openai_gets_the_samples_of_speak(client, server):
    heard = np.frombuffer(pcm(client, MEDIUM, extra_body={"seed": 3}, speed=1.5).content, "<i2")
    assert np.array_equal(heard, server.spoken(MEDIUM, seed=3, speed=1.5))


@pytest.mark.parametrize("form", ["mp3", "opus", "aac", "flac", "wav"])
def test_openai_streams_every_format_into_a_file(client, server, tmp_path, form):
    path = tmp_path / f"a.{form}"
    how = {"model": "tts-1", "voice": "alloy", "input": SHORT, "response_format": form}
    with client.audio.speech.with_streaming_response.create(**how) as answer:
        answer.stream_to_file(path)
    with av.open(str(path)) as file:
        seconds = sum(frame.samples / frame.sample_rate for frame in file.decode(audio=0))
    assert seconds == pytest.approx(len(server.spoken(SHORT)) / server.tts.sample_rate, abs=0.13)


def test_openai_reads_events(client, server):
    how = {"model": "gpt-4o-mini-tts", "voice": "speaker0", "input": SHORT}
    how |= {"response_format": "pcm", "stream_format": "sse"}
    with client.audio.speech.with_streaming_response.create(**how) as answer:
        kinds = [line.split('"type": "')[1].split('"')[0] for line in answer.iter_lines() if line]
    assert set(kinds[:-1]) == {"speech.audio.delta"}
    assert kinds[-1] == "speech.audio.done"


@pytest.mark.parametrize(
    ("change", "kind", "code", "param"),
    [
        ({"model": "tts-9"}, "NotFoundError", "model_not_found", "model"),
        ({"voice": "nobody"}, "BadRequestError", "voice_not_found", "voice"),
        ({"speed": 9.0}, "BadRequestError", "invalid_value", "speed"),
        ({"text": " \n"}, "BadRequestError", "nothing_to_speak", "input"),
        ({"extra_body": {"seed": "1"}}, "BadRequestError", "invalid_type", "seed"),
    ],
)
def test_openai_raises_its_own_errors(client, change, kind, code, param):
    with pytest.raises(getattr(openai, kind)) as raised:
        pcm(client, **change)
    assert (raised.value.code, raised.value.param) == (code, param)


def test_openai_lists_models(client):
    (model,) = client.models.list().data
    assert (model.id, model.owned_by) == ("tiny", "vivavoce")
    assert client.models.retrieve("tiny") == model


def test_openai_needs_a_key_where_keys_are_set(start):
    running = start(keys=(("alice", "secret"),))
    for key, fine in (("secret", True), ("guess", False)):
        with openai.OpenAI(base_url=f"{running.base}/v1", api_key=key) as client:
            if fine:
                assert len(pcm(client).content)
            else:
                with pytest.raises(openai.AuthenticationError):
                    pcm(client)


def test_openai_waits_for_a_place_and_asks_again(start):
    """A refusal says when to come back, and the package does."""
    from concurrent.futures import ThreadPoolExecutor

    from tests.serve.test_scheduler import held, wait_for

    running = start(max_concurrent=1, max_queue=0, cache_bytes=0)
    base = f"{running.base}/v1"
    with openai.OpenAI(base_url=base, api_key="none") as client, ThreadPoolExecutor(2) as pool:
        with held(running):
            first = pool.submit(running.speech, SHORT)
            wait_for(lambda: running.service.scheduler.full)
            second = pool.submit(pcm, client, MEDIUM)
            wait_for(lambda: '{code="overloaded"}' in running.service.metrics_text().decode())
        assert first.result().status_code == 200
        assert np.array_equal(np.frombuffer(second.result().content, "<i2"), running.spoken(MEDIUM))


async def wyoming_events(port, last, *sent):
    """What comes up to an event of the type `last`."""
    from wyoming.client import AsyncTcpClient

    events = []
    async with AsyncTcpClient("127.0.0.1", port) as client:
        for event in sent:
            await client.write_event(event.event())
        while not events or events[-1].type != last:
            events.append(await asyncio.wait_for(client.read_event(), 20))
    return events


@pytest.mark.filterwarnings("ignore:'audioop' is deprecated:DeprecationWarning")
def test_the_official_wyoming_client_hears_the_same(server):
    pytest.importorskip("wyoming")
    from wyoming.info import Describe, Info
    from wyoming.tts import Synthesize, SynthesizeChunk, SynthesizeStart, SynthesizeStop

    (event,) = asyncio.run(wyoming_events(server.wyoming, "info", Describe()))
    voices = [voice.name for voice in Info.from_event(event).tts[0].voices]
    assert voices == ["speaker0", "speaker1", "speaker2"]
    streamed = (SynthesizeStart(), SynthesizeChunk(text=SHORT), SynthesizeStop())
    asked = {"audio-stop": (Synthesize(text=SHORT),), "synthesize-stopped": streamed}
    for last, sent in asked.items():
        events = asyncio.run(wyoming_events(server.wyoming, last, *sent))
        data = b"".join(event.payload for event in events if event.type == "audio-chunk")
        assert np.array_equal(np.frombuffer(data, "<i2"), server.spoken(SHORT))
        kinds = [event.type for event in events]
        assert (kinds.count("audio-start"), kinds.count("audio-stop")) == (1, 1)


def test_the_example_writes_a_file(server, tmp_path, monkeypatch, capsys):
    output = tmp_path / "speech.mp3"
    arguments = [SHORT, "-o", str(output), "--base", f"{server.base}/v1", "--voice", "speaker1"]
    monkeypatch.setattr(sys, "argv", [EXAMPLE.name, *arguments])
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    assert capsys.readouterr().out.startswith(f"wrote {output} (request ")
    with av.open(io.BytesIO(output.read_bytes()), format="mp3") as file:
        seconds = sum(frame.samples / frame.sample_rate for frame in file.decode(audio=0))
    wanted = len(server.spoken(SHORT, "speaker1")) / server.tts.sample_rate
    assert seconds == pytest.approx(wanted, abs=0.13)
