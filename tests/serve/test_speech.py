"""OpenAI's speech API: the same samples as `TTS.speak`, alone and in a crowd, in six formats."""

from __future__ import annotations

import base64
import io
import json
from concurrent.futures import ThreadPoolExecutor

import av
import numpy as np
import pytest
import soundfile

from tests.serve.conftest import MEDIUM, SHORT


def test_samples_are_those_of_speak(server):
    answer = server.speech(MEDIUM, voice="speaker1", seed=7, speed=1.5)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "audio/pcm"
    assert answer.headers["x-seed"] == "7"
    assert answer.headers["x-voice"] == "speaker1"
    samples = np.frombuffer(answer.content, "<i2")
    assert np.array_equal(samples, server.spoken(MEDIUM, "speaker1", seed=7, speed=1.5))


def test_sixteen_at_once_are_as_each_alone(server):
    asked = [(f"{MEDIUM} Number {n}.", f"speaker{n % 3}", n) for n in range(16)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda a: server.speech(a[0], voice=a[1], seed=a[2]), asked))
    for (text, voice, seed), answer in zip(asked, answers, strict=True):
        assert answer.status_code == 200
        wanted = server.spoken(text, voice, seed=seed)
        assert np.array_equal(np.frombuffer(answer.content, "<i2"), wanted)


def test_a_second_request_comes_from_the_cache(server):
    first, second = (server.speech("Once and again.", seed=99) for _ in range(2))
    assert (first.headers["x-cache"], second.headers["x-cache"]) == ("miss", "hit")
    assert first.content == second.content


@pytest.mark.parametrize("form", ["wav", "flac"])
@pytest.mark.parametrize("stream", [True, False])
def test_lossless_files_hold_the_samples(server, form, stream):
    answer = server.speech(response_format=form, stream=stream)
    file = av.open(io.BytesIO(answer.content), format=form)
    frames = [frame.to_ndarray().reshape(-1) for frame in file.decode(audio=0)]
    assert np.array_equal(np.concatenate(frames), server.spoken(SHORT))
    assert ("content-length" in answer.headers) is not stream


def test_a_streamed_wav_says_that_nobody_knows_its_length(server):
    data = server.speech(response_format="wav").content
    assert data[4:8] == data[40:44] == b"\xff" * 4
    whole = server.speech(response_format="wav", stream=False).content
    assert int.from_bytes(whole[40:44], "little") == len(whole) - 44
    assert soundfile.info(io.BytesIO(whole)).frames * 2 == len(whole) - 44


@pytest.mark.parametrize(
    ("form", "kind", "marker"),
    [
        ("mp3", "audio/mpeg", b"\xff\xf3"),
        ("opus", "audio/ogg", b"OggS"),
        ("aac", "audio/aac", b"\xff\xf1"),
    ],
)
def test_lossy_files_are_one_stream_of_the_same_length(server, form, kind, marker):
    answer = server.speech(MEDIUM, response_format=form)
    assert answer.headers["content-type"] == kind
    assert answer.content.startswith(marker)
    assert b"Xing" not in answer.content
    assert b"Info" not in answer.content
    container = {"opus": "ogg"}.get(form, form)
    file = av.open(io.BytesIO(answer.content), format=container)
    seconds = sum(frame.samples / frame.sample_rate for frame in file.decode(audio=0))
    assert seconds == pytest.approx(len(server.spoken(MEDIUM)) / server.tts.sample_rate, abs=0.13)


def test_sse_brings_the_same_bytes_and_the_words(server):
    answer = server.speech(MEDIUM, stream_format="sse", timestamps=True)
    assert answer.headers["content-type"] == "text/event-stream"
    events = [json.loads(line[6:]) for line in answer.text.split("\n\n") if line]
    deltas = [base64.b64decode(e["audio"]) for e in events if e["type"] == "speech.audio.delta"]
    assert b"".join(deltas) == server.speech(MEDIUM).content
    words = [w for e in events if e["type"] == "speech.audio.words" for w in e["words"]]
    assert [w["text"] for w in words] == MEDIUM.split()
    assert [MEDIUM[w["text_start"] : w["text_end"]] for w in words] == MEDIUM.split()
    assert events[-1]["type"] == "speech.audio.done"
    usage = events[-1]["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] > 0


def test_pcm_may_have_another_rate(server):
    answer = server.speech(sample_rate=8000)
    seconds = len(answer.content) / 2 / 8000
    assert seconds == pytest.approx(len(server.spoken(SHORT)) / server.tts.sample_rate, abs=0.001)


@pytest.mark.parametrize("model", ["tts-1", "gpt-4o-mini-tts", "default"])
@pytest.mark.parametrize("voice", ["alloy", "cedar", {"id": "speaker2"}, None])
def test_names_that_clients_have_built_in(server, model, voice):
    assert server.speech("Hello.", model=model, voice=voice).status_code == 200
