"""What strangers send to do harm: a quick, typed answer, and the next request is served."""

from __future__ import annotations

import json
import re
import socket
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.serve.conftest import SHORT
from tests.serve.test_scheduler import wait_for
from tests.serve.test_sockets import Client, heard, opened, say
from vivavoce.serve import connection
from vivavoce.serve.config import RequestLimits

QUICK_S = 5.0
DESCRIPTORS = Path("/proc/self/fd")
DIGITS = "9" * 400
UPGRADE = (
    "Upgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


def raw(server, data, seconds=QUICK_S):
    """What the server answers, up to its end or as long as it says something."""
    with socket.create_connection(("127.0.0.1", server.port)) as one:
        one.settimeout(seconds)
        one.sendall(data if isinstance(data, bytes) else data.encode())
        answer = b""
        with suppress(TimeoutError, ConnectionResetError):
            while part := one.recv(65536):
                answer += part
                head, found, body = answer.partition(b"\r\n\r\n")
                told = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
                if found and told and len(body) >= int(told[1]):
                    break
        return answer


def get(path, more="", host="localhost"):
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n"


def alive(server):
    with server.client() as client:
        return client.get("/health").status_code == 200


@pytest.mark.parametrize(
    ("more", "code", "param"),
    [
        (f'"speed": {DIGITS}', "invalid_value", "speed"),
        ('"speed": 1e400', "invalid_value", "speed"),
        (f'"seed": {"1" * 5000}', "invalid_json", None),
        (f'"sample_rate": {DIGITS}', "invalid_value", "sample_rate"),
        (f'"options": {{"noise_scale": {DIGITS}}}', "unknown_option", "options"),
        ('"options": {"noise_scale": 1e400}', "unknown_option", "options"),
        ('"options": {"\\ud800": 1}', "unknown_option", "options"),
        ('"voice": "\\ud800"', "voice_not_found", "voice"),
        ('"voice": "a\\r\\nX-Evil: 1"', "voice_not_found", "voice"),
        ('"strict": true, "\\ud800": 1', "unknown_parameter", "\\ud800"),
        (f'"x": {"[" * 100_000}', "invalid_json", None),
    ],
)
def test_strange_values(server, more, code, param):
    body = f'{{"model": "tiny", "input": "Hello.", "response_format": "pcm", {more}}}'
    with server.client() as client:
        headers = {"content-type": "application/json"}
        answer = client.post("/v1/audio/speech", content=body, headers=headers)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, code, param)


@pytest.mark.parametrize("content", [b"\xff\xfe{\x00}\x00", b'{"model": "\xed\xa0\x80"}'])
def test_json_is_utf_8(server, content):
    with server.client() as client:
        headers = {"content-type": "application/json"}
        answer = client.post("/v1/audio/speech", content=content, headers=headers)
    assert answer.json()["error"]["code"] == "invalid_json"


def test_names_of_ignored_fields_fit_into_a_header(server):
    more = {f"\ud800\r\n{n:03}" + "x" * 60: 1 for n in range(500)}
    body = json.dumps(server.body("Hello.") | more)
    with server.client() as client:
        headers = {"content-type": "application/json"}
        answer = client.post("/v1/audio/speech", content=body, headers=headers)
    assert answer.status_code == 200
    assert 0 < len(answer.headers["x-ignored-fields"]) <= 1000


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        (get("/v1/audio/voice_consents?limit=%C2%B2"), 400),
        (get(f"/v1/audio/voice_consents?limit={DIGITS}"), 400),
        (get(f"/v1/speak?sample_rate={DIGITS}", UPGRADE), 400),
        (get("/v1/speak?model=%ED%A0%80%0D%0A", UPGRADE), 400),
        (get("/v1/nothing", UPGRADE), 404),
        (get("/v1/audio/speech", UPGRADE), 404),
        (get("/page/..%2f..%2fetc/passwd"), 404),
        (get("/page/%00"), 404),
        (get("/health", "X: y\r\n" * 500), 431),
        (get("/health", f"X: {'y' * 70_000}\r\n"), 431),
        (get("/health", f"Content-Length: {DIGITS * 13}\r\n"), 400),
        (get("/health", "Content-Length: -1\r\n"), 400),
        (get("/health", "Content-Length: 1\r\nContent-Length: 2\r\n"), 400),
        (get("/health", "Host: evil.example\r\n"), 400),
        (get("/health", host="evil.example"), 421),
        (get("http://evil.example/health"), 404),
        ("GET /health HTTP/1.0\r\n\r\n", 421),
        ("\x16\x03\x01\x02\r\n\r\n", 400),
    ],
)
def test_strange_requests_are_answered_in_openai_s_shape(server, request_text, status):
    begin = time.monotonic()
    answer = raw(server, request_text)
    assert time.monotonic() - begin < QUICK_S
    head, _, body = answer.partition(b"\r\n\r\n")
    assert int(head.split()[1]) == status
    error = json.loads(body)["error"]
    assert error["code"]
    assert not any(secret in error["message"] for secret in ("root:", "Traceback", ".py"))
    assert alive(server)


@pytest.mark.parametrize("path", ["/api/tts", "/process"])
@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("application/x-www-form-urlencoded", b"&a=1" * 100_000),
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=b", b"--b\r\nX: y\r\n\r\nz\r\n--b--"),
        ("multipart/form-data; boundary=b", b"--b\r\n" * 1000),
    ],
)
def test_forms_of_tts_server(server, path, kind, content):
    with server.client() as client:
        answer = client.post(path, content=content, headers={"content-type": kind})
    assert answer.status_code == 400
    assert isinstance(answer.json()["error"], str)


@pytest.mark.parametrize("path", ["/v1/audio/speech/stream", "/v1/speak"])
@pytest.mark.parametrize(
    "message",
    [
        "",
        "[" * 60_000,
        '{"type": NaN}',
        f'{{"type": {"1" * 5000}}}',
        '{"type": "\\ud800"}',
        f'{{"type": "start", "id": "a", "speed": {DIGITS}}}',
        '{"type": "start", "id": "a", "voice": "/etc/passwd"}',
        '{"type": "text", "id": "\\ud800", "text": ""}',
        b"\x00\xff",
    ],
)
def test_strange_messages_leave_the_socket_open(server, path, message):
    with opened(server, path) as ws:
        ws.recv(timeout=20)
        ws.send(message)
        told = json.loads(ws.recv(timeout=20))
        assert told["type"] in ("error", "Warning")
        ws.send(json.dumps({"type": "ping" if path.endswith("stream") else "Flush"}))
        assert json.loads(ws.recv(timeout=20))["type"] in ("pong", "Flushed")


def test_the_name_of_a_turn_may_be_anything(server):
    with opened(server) as ws:
        ws.recv(timeout=20)
        say(ws, "start", "\ud800\r\n")
        say(ws, "text", "\ud800\r\n", text="Hello \ud800\x00 there.")
        say(ws, "end", "\ud800\r\n")
        assert heard(ws, "\ud800\r\n")[0][-1]["type"] == "done"


def test_deepgram_s_texts_are_bounded(server):
    with opened(server, "/v1/speak") as ws:
        ws.recv(timeout=20)
        for _ in range(3):
            ws.send(json.dumps({"type": "Speak", "text": SHORT * 900}))
            ws.send(json.dumps({"type": "Flush"}))
        while isinstance(message := ws.recv(timeout=20), bytes):
            continue
        assert json.loads(message)["code"] == "string_above_max_length"


def test_a_message_of_endless_fragments_is_ended(server):
    with connect(server.base.replace("http", "ws") + "/v1/audio/speech/stream") as ws:
        ws.recv(timeout=20)
        with suppress(ConnectionResetError, BrokenPipeError):
            ws.socket.sendall(b"\x01\x80\0\0\0\0" + b"\x00\x80\0\0\0\0" * 10_000)
        with pytest.raises(ConnectionClosed):
            ws.recv(timeout=20)
    assert alive(server)


def test_websockets_are_counted_to_their_end(start):
    """Connections that were upgraded give their place back."""
    running = start(limits=RequestLimits(connections=12, connections_per_address=12))
    for _ in range(20):
        with opened(running) as ws:
            ws.recv(timeout=20)
    wait_for(lambda: alive(running))
    with ExitStack() as stack:
        for _ in range(12):
            stack.enter_context(opened(running)).recv(timeout=20)
        assert raw(running, get("/health")).startswith(b"HTTP/1.1 503")
    wait_for(lambda: alive(running))


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("", "GET /health HTTP/1.1\r\n"),
        (get("/health"), "GET /health HTTP/1.1\r\n"),
        ("POST /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999\r\n\r\n", "x"),
    ],
)
def test_what_is_dribbled_ends(slow, first, then):
    """A head that never ends, on a new connection and on one in use; a body that nobody wants."""
    with socket.create_connection(("127.0.0.1", slow.port)) as one:
        one.settimeout(QUICK_S)
        if first:
            one.sendall(first.encode())
            assert one.recv(1000)
        one.sendall(then.encode())
        begin = time.monotonic()
        with suppress(ConnectionError):
            while time.monotonic() - begin < QUICK_S:
                one.sendall(b"X: y\r\n")
                time.sleep(0.05)
        assert time.monotonic() - begin < QUICK_S


def test_idle_connections_do_not_keep_others_out(slow):
    with ExitStack() as stack:
        idle = [
            stack.enter_context(socket.create_connection(("127.0.0.1", slow.port)))
            for _ in range(128)
        ]
        assert alive(slow)
        for one in idle:
            one.settimeout(QUICK_S)
            with suppress(ConnectionResetError):
                assert one.recv(1) == b""


@pytest.mark.skipif(not DESCRIPTORS.exists(), reason="only Linux lists open files")
def test_who_reads_nothing_is_cut_off(slow, monkeypatch):
    """Nothing of the connection is left in the server, though what it sent was never fetched."""
    monkeypatch.setattr(connection, "ENOUGH_S", 0.2)
    wait_for(lambda: not slow.service.scheduler.jobs)
    before = len(list(DESCRIPTORS.iterdir()))
    body = json.dumps(slow.body(" ".join([SHORT] * 400), sample_rate=48_000))
    head = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 10)
        one.connect(("127.0.0.1", slow.port))
        one.sendall(
            f"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\n{head}\r\n{body}".encode()
        )
        wait_for(lambda: slow.service.scheduler.jobs)
        wait_for(lambda: not slow.service.scheduler.jobs, 20)
        wait_for(lambda: len(list(DESCRIPTORS.iterdir())) == before + 1)  # the client's
        assert not slow.service.heard


@pytest.fixture(scope="module")
def slow(start):
    """One that has little patience."""
    return start(max_concurrent=2, limits=RequestLimits(head_s=0.5, write_s=0.5))


@pytest.mark.parametrize(
    "garbage",
    [
        b'{"type":"ping","data":"x"}\n',
        b'{"type":"ping","data":[1]}\n',
        b'{"type":"ping","data":{"text":NaN}}\n',
        b'{"type":"ping","data":' + b"[" * 20_000 + b"}\n",
        b'{"type":"ping","data_length":' + b"9" * 5000 + b"}\n",
        b'{"type":"ping","data_length":1e400}\n',
        '{"type":"ping"}\n'.encode("utf-16"),
    ],
)
def test_wyoming_hangs_up_on_garbage(server, garbage):
    with Client(server) as client:
        client.socket.sendall(garbage)
        assert client.hung_up()
    assert alive(server)


def test_wyoming_speaks_around_broken_characters(server):
    with Client(server) as client:
        client.send("ping", text="\ud800")
        assert client.next()[:2] == ("pong", {"text": "\ud800"})
        client.send("synthesize", text="Hello \ud800\x00 there.")
        assert client.until("audio-stop")[-1][0] == "audio-stop"
