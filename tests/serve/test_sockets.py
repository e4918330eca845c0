"""Text in pieces: our WebSocket, Deepgram's, Wyoming, and the addresses of tts-server."""

from __future__ import annotations

import json
import socket
import time
from contextlib import contextmanager, suppress

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.serve.conftest import MEDIUM, SHORT
from tests.serve.test_scheduler import held
from vivavoce.serve.config import RequestLimits


@contextmanager
def opened(server, path="/v1/audio/speech/stream"):
    with connect(server.base.replace("http", "ws") + path) as ws:
        yield ws


def say(ws, kind, name="t1", **more):
    ws.send(json.dumps({"type": kind, "id": name} | more))


def heard(ws, name="t1"):
    """Messages and audio up to the turn's end."""
    told, data = [], b""
    while True:
        message = ws.recv(timeout=20)
        if isinstance(message, bytes):
            assert len(message) <= 4800  # 100 ms at 24 kHz
            data += message
            continue
        told.append(json.loads(message))
        ended = told[-1]["type"] in ("done", "error", "cancelled")
        if ended and told[-1].get("id") in (name, None):
            return told, np.frombuffer(data, "<i2")


@pytest.mark.parametrize("text", [SHORT, MEDIUM])
def test_a_turn_given_whole_is_as_over_http(server, text):
    with opened(server) as ws:
        assert json.loads(ws.recv())["models"] == ["tiny"]
        say(ws, "start", seed=4, timestamps=True)
        for piece in text.split(" "):
            say(ws, "text", text=piece + " ")
        say(ws, "end")
        told, samples = heard(ws)
    assert np.array_equal(samples, server.spoken(text, seed=4))
    assert told[0]["type"] == "audio.start"
    assert told[-1]["samples"] == len(samples)
    words = [w["text"] for e in told if e["type"] == "words" for w in e["words"]]
    assert words == text.split()


def test_a_sentence_is_spoken_when_the_next_begins(server):
    with opened(server) as ws:
        ws.recv()
        say(ws, "start")
        say(ws, "text", text="One sentence. And")
        message = ws.recv(timeout=20)
        assert json.loads(message)["type"] == "audio.start"
        assert isinstance(ws.recv(timeout=20), bytes)
        say(ws, "text", text=" another one.")
        say(ws, "end")
        told, samples = heard(ws)
    assert told[-1]["type"] == "done"
    assert len(samples)


def test_flush_speaks_what_is_there(server):
    with opened(server) as ws:
        ws.recv()
        say(ws, "start")
        say(ws, "text", text="No end of a sentence")
        say(ws, "flush")
        kinds = []
        while "flushed" not in kinds:
            message = ws.recv(timeout=20)
            kinds.append("audio" if isinstance(message, bytes) else json.loads(message)["type"])
        assert kinds[0] == "audio.start"
        assert "audio" in kinds
        say(ws, "end")
        assert heard(ws)[0][-1]["type"] == "done"


def test_cancel_ends_a_turn_and_the_next_one_is_whole(server):
    with opened(server) as ws:
        ws.recv()
        say(ws, "start", "a")
        say(ws, "text", "a", text=" ".join([MEDIUM] * 20))
        say(ws, "end", "a")
        while not isinstance(ws.recv(timeout=20), bytes):
            continue
        begin = time.monotonic()
        say(ws, "cancel", "a")
        assert heard(ws, "a")[0][-1]["type"] == "cancelled"
        assert time.monotonic() - begin < 1
        say(ws, "start", "b", seed=4)
        say(ws, "text", "b", text=SHORT)
        say(ws, "end", "b")
        _, samples = heard(ws, "b")
    assert np.array_equal(samples, server.spoken(SHORT, seed=4))


@pytest.mark.parametrize(
    ("before", "wrong"),
    [
        ((), {"type": "text", "text": 5}),
        ((), {"type": "text", "text": "x" * 1000}),
        (({"type": "end"},), {"type": "text", "text": "and more"}),
        (({"type": "end"},), {"type": "flush"}),
    ],
)
def test_a_turn_whose_text_is_not_whole_is_not_spoken(start, before, wrong):
    running = start(limits=RequestLimits(characters=1000))
    with opened(running) as ws:
        ws.recv()
        with held(running):
            say(ws, "start")
            say(ws, "text", text=SHORT)
            for message in before:
                ws.send(json.dumps({"id": "t1"} | message))
            ws.send(json.dumps({"id": "t1"} | wrong))
            told, samples = heard(ws)
        assert not len(samples)
        assert (told[-1]["type"], told[-1]["id"]) == ("error", "t1")
        say(ws, "start")  # the name is free, the connection lives
        say(ws, "text", text=SHORT)
        say(ws, "end"), say(ws, "end")
        told, samples = heard(ws)
    assert np.array_equal(samples, running.spoken(SHORT))


def test_turns_that_were_cancelled_while_they_waited_leave_nothing(server):
    with opened(server) as ws, held(server):
        ws.recv()
        say(ws, "start", "first")
        say(ws, "text", "first", text=SHORT)
        say(ws, "end", "first")
        for number in range(50):
            say(ws, "start", f"t{number}")
            say(ws, "text", f"t{number}", text=MEDIUM)
            say(ws, "cancel", f"t{number}")
            assert heard(ws, f"t{number}")[0][-1] == {
                "type": "cancelled",
                "id": f"t{number}",
                "samples": 0,
            }


@pytest.mark.parametrize(
    "nonsense",
    [
        "{",
        "[]",
        '{"type":"nope"}',
        '{"type":"text","id":"zz","text":"x"}',
        '{"type":"start","id":"q","voice":"no-such-voice"}',
        '{"type":"start"}',
        '{"type":5}',
        b"binary",
    ],
)
def test_nonsense_is_answered_and_the_connection_lives(server, nonsense):
    with opened(server) as ws:
        ws.recv()
        ws.send(nonsense)
        assert json.loads(ws.recv(timeout=20))["error"]["type"] == "invalid_request_error"
        ws.send('{"type":"ping"}')
        assert json.loads(ws.recv(timeout=20)) == {"type": "pong"}


def test_a_message_that_is_too_large_ends_the_connection(server):
    with opened(server) as ws:
        ws.recv()
        ws.send(json.dumps({"type": "text", "id": "x", "text": "a" * 70_000}))
        with pytest.raises(ConnectionClosed) as ended:
            ws.recv(timeout=20)
    assert ended.value.rcvd is not None
    assert ended.value.rcvd.code == 1009


def test_deepgram(server):
    with opened(server, "/v1/speak?model=speaker0&encoding=linear16&sample_rate=24000") as ws:
        assert json.loads(ws.recv())["type"] == "Metadata"
        ws.send(json.dumps({"type": "Speak", "text": SHORT}))
        ws.send(json.dumps({"type": "Flush"}))
        data = b""
        while isinstance(message := ws.recv(timeout=20), bytes):
            data += message
        assert json.loads(message) == {"type": "Flushed", "sequence_id": 0}
        assert np.array_equal(np.frombuffer(data, "<i2"), server.spoken(SHORT))
        for kind, text in (("Speak", {"text": SHORT}), ("Flush", {}), ("Flush", {})):
            ws.send(json.dumps({"type": kind} | text))
        kinds = []
        while kinds.count("Flushed") < 2:
            message = ws.recv(timeout=20)
            kinds.append("audio" if isinstance(message, bytes) else json.loads(message)["type"])
        assert kinds[-2:] == ["Flushed"] * 2  # both after the audio
        ws.send(json.dumps({"type": "Clear"}))
        assert json.loads(ws.recv(timeout=20)) == {"type": "Cleared", "sequence_id": 3}
        ws.send(json.dumps({"type": "Nonsense"}))
        assert json.loads(ws.recv(timeout=20))["type"] == "Warning"
        ws.send(json.dumps({"type": "Close"}))
        with pytest.raises(ConnectionClosed):
            ws.recv(timeout=20)


class Client:
    """A Wyoming client of a few lines."""

    def __init__(self, server):
        self.socket = socket.create_connection(("127.0.0.1", server.wyoming))
        self.socket.settimeout(20)
        self.file = self.socket.makefile("rb")

    def send(self, kind, **data):
        self.socket.sendall(json.dumps({"type": kind, "data": data}).encode() + b"\n")

    def next(self):
        line = self.file.readline()
        if not line:
            return None, {}, b""
        head = json.loads(line)
        data = json.loads(self.file.read(head["data_length"])) if "data_length" in head else {}
        return head["type"], data, self.file.read(head.get("payload_length", 0))

    def hung_up(self):
        """Whether the connection ends without an answer (unread bytes make it a reset)."""
        with suppress(ConnectionResetError):
            return self.next()[0] is None
        return True

    def until(self, last):
        events = []
        while not events or events[-1][0] not in (last, None):
            events.append(self.next())
        return events

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()
        self.socket.close()


def audio(events):
    return np.frombuffer(b"".join(payload for _, _, payload in events), "<i2")


def test_wyoming_speaks_a_text(server):
    with Client(server) as client:
        client.send("describe")
        kind, data, _ = client.next()
        (program,) = data["tts"]
        assert (kind, program["supports_synthesize_streaming"]) == ("info", True)
        assert [voice["name"] for voice in program["voices"]] == [
            "speaker0",
            "speaker1",
            "speaker2",
        ]
        client.send("no-such-event")
        client.send("ping", text="abc")
        assert client.next()[:2] == ("pong", {"text": "abc"})
        client.send("synthesize", text=MEDIUM, voice={"name": "speaker0"})
        events = client.until("audio-stop")
    assert events[0][:2] == (
        "audio-start",
        {"rate": 24000, "width": 2, "channels": 1, "timestamp": 0},
    )
    assert all(len(payload) <= 4096 for _, _, payload in events)
    assert np.array_equal(audio(events), server.spoken(MEDIUM))


def test_wyoming_streams_as_home_assistant_does(server):
    with Client(server) as client:
        client.send("synthesize-start", voice={"language": "en"})
        for word in MEDIUM.split(" "):
            client.send("synthesize-chunk", text=word + " ")
        client.send("synthesize", text=MEDIUM)
        client.send("synthesize-stop")
        events = client.until("synthesize-stopped")
    kinds = [kind for kind, _, _ in events]
    assert kinds.count("audio-start") == kinds.count("audio-stop") == 1
    assert kinds[-2:] == ["audio-stop", "synthesize-stopped"]


def test_wyoming_speaks_the_second_copy_if_no_text_was_streamed(server):
    with Client(server) as client:
        client.send("synthesize-start")
        client.send("synthesize", text=SHORT)
        client.send("synthesize-stop")
        assert np.array_equal(audio(client.until("synthesize-stopped")), server.spoken(SHORT))


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("synthesize", {"text": SHORT, "voice": {"name": "no-such-voice"}}),
        ("synthesize", {"text": ""}),
        ("synthesize", {"text": "👍"}),
        ("synthesize-start", {"voice": {"name": "../../etc/passwd"}}),
    ],
)
def test_wyoming_says_what_is_wrong_and_hangs_up(server, kind, data):
    with Client(server) as client:
        client.send(kind, **data)
        assert client.next()[0] == "error"
        assert client.next()[0] is None


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"{}\n",
        b"[1]\n",
        b'{"type":"x","payload_length":99999999}\n',
        b'{"type":"x","data_length":-1}\n',
        b"a" * 200_000 + b"\n",
    ],
)
def test_garbage_ends_a_wyoming_connection(server, garbage):
    with Client(server) as client:
        client.socket.sendall(garbage)
        assert client.hung_up()
    with Client(server) as client:
        client.send("describe")
        assert client.next()[0] == "info"


def test_tts_server(server):
    with server.client() as client:
        answers = [
            client.get(
                "/api/tts", params={"text": SHORT, "speaker_id": "speaker0", "style_wav": ""}
            ),
            client.post("/api/tts", data={"text": SHORT, "speaker_id": ""}),
            client.post("/api/tts", headers={"text": SHORT, "speaker-id": "speaker0"}),
            client.get("/process", params={"INPUT_TEXT": SHORT, "LOCALE": "en_US"}),
            client.post("/process", data={"INPUT_TEXT": SHORT, "VOICE": "speaker0"}),
        ]
        bad = client.get("/api/tts", params={"text": " "})
        reference = client.get("/api/tts", params={"text": "x", "speaker_wav": "/etc/passwd"})
        assert client.get("/locales").text == "en\n"
        assert client.get("/voices").text.splitlines()[0] == "speaker0 en u"
    for answer in answers:
        assert answer.headers["content-type"] == "audio/wav"
        assert np.array_equal(np.frombuffer(answer.content[44:], "<i2"), server.spoken(SHORT))
    assert (bad.status_code, bad.json()) == (400, {"error": "Text parameter is required"})
    assert reference.status_code == 400
