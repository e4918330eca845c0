"""Mistakes and attacks: a clear answer in OpenAI's shape, nothing read, nothing told."""

from __future__ import annotations

import json
import socket
import sys

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.serve.conftest import SHORT
from vivavoce.errors import UsageError
from vivavoce.serve.config import RequestLimits
from vivavoce.serve.server import listen

MISTAKES = [
    ("input", "", "nothing_to_speak"),
    ("input", None, "missing_required_parameter"),
    ("input", "   \n", "nothing_to_speak"),
    ("input", "👍👍", "nothing_to_speak"),
    ("input", 5, "invalid_type"),
    ("input", "a" * 100_001, "string_above_max_length"),
    ("model", None, "missing_required_parameter"),
    ("model", 7, "invalid_type"),
    ("model", "no-such-model", "model_not_found"),
    ("model", "/etc/passwd", "model_not_found"),
    ("model", "https://example.org/m", "model_not_found"),
    ("voice", "no-such-voice", "voice_not_found"),
    ("voice", "../../etc/passwd", "voice_not_found"),
    ("voice", {}, "invalid_type"),
    ("voice", 3, "invalid_type"),
    ("response_format", "ogg3", "invalid_value"),
    ("speed", 0.24, "invalid_value"),
    ("speed", "1", "invalid_type"),
    ("speed", True, "invalid_type"),
    ("seed", -1, "invalid_value"),
    ("seed", 2**63, "invalid_value"),
    ("seed", 1.5, "invalid_type"),
    ("stream_format", "telepathy", "invalid_value"),
    ("stream", 1, "invalid_type"),
    ("sample_rate", 7999, "invalid_value"),
    ("options", {"nois_scale": 1}, "unknown_option"),
    ("options", {"noise_scale": "loud"}, "unknown_option"),
    ("options", [], "invalid_type"),
    ("language", "de", "unsupported_value"),
    ("instructions", "x" * 5000, "string_above_max_length"),
]


@pytest.mark.parametrize(("field", "value", "code"), MISTAKES)
def test_a_mistake_names_its_field(server, field, value, code):
    answer = server.speech(**{"text": SHORT} | {"voice": "speaker0"} | {field: value})
    error = answer.json()["error"]
    assert answer.status_code == (404 if code == "model_not_found" else 400)
    assert (error["code"], error["param"]) == (code, field)
    assert error["type"] == "invalid_request_error"
    assert "x-request-id" in answer.headers


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'"x"', b"null", b"\xff\xfe", b'{"speed": NaN}', b"[" * 99, b'{"a":' * 5000],
)
def test_a_body_that_is_no_object(server, content):
    with server.client() as client:
        headers = {"content-type": "application/json"}
        answer = client.post("/v1/audio/speech", content=content, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_json")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/no/such/thing", 404, "not_found"),
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/page/../../etc/passwd", 404, "not_found"),
        ("GET", "/v1/models/..%2F..%2Fetc%2Fpasswd", 404, "model_not_found"),
        ("GET", "/v1/audio/voices/..%2Fx", 404, "not_found"),
        ("GET", "/v1/audio/speech", 405, "method_not_allowed"),
        ("HEAD", "/v1/audio/speech", 405, None),
        ("PUT", "/v1/audio/voices", 405, "method_not_allowed"),
    ],
)
def test_addresses_that_lead_nowhere(server, method, path, status, code):
    with server.client() as client:
        answer = client.request(method, path)
    assert answer.status_code == status
    if status == 405:
        assert answer.headers["allow"]
    if code:
        assert answer.json()["error"]["code"] == code


def test_other_bodies_than_json(server):
    with server.client() as client:
        answer = client.post("/v1/audio/speech", data={"input": "x"})
        assert answer.json()["error"]["code"] == "unsupported_media_type"
        huge = client.post(
            "/v1/audio/speech",
            content=b" " * 3_000_001,
            headers={"content-type": "application/json"},
        )
    assert (huge.status_code, huge.json()["error"]["code"]) == (413, "request_too_large")


def test_ignored_fields_are_named_and_strictly_refused(server):
    answer = server.speech("Hello.", lang_code="a", instructions="Gently.")
    assert set(answer.headers["x-ignored-fields"].split(", ")) == {"lang_code", "instructions"}
    refused = server.speech("Hello.", lang_code="a", strict=True)
    assert refused.json()["error"]["param"] == "lang_code"
    assert server.speech("Hello.", strict=True).status_code == 200


def test_pages_from_elsewhere_may_not_ask(server):
    with server.client() as client:
        headers = {"origin": "https://evil.example"}
        answer = client.post("/v1/audio/speech", json=server.body(), headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "foreign_origin")
        rebound = client.get("/health", headers={"host": "evil.example"})
        assert (rebound.status_code, rebound.json()["error"]["code"]) == (421, "unknown_host")
        own = client.post("/v1/audio/speech", json=server.body(), headers={"origin": server.base})
        assert own.status_code == 200
    for path in ("/v1/audio/speech/stream", "/v1/speak"):
        with pytest.raises(InvalidStatus, match="403"):
            connect(server.base.replace("http", "ws") + path, origin="https://evil.example")


def test_a_model_is_shown_under_its_other_names_too(server):
    with server.client() as client:
        assert client.get("/v1/models/tts-1").json()["id"] == "tiny"


def test_origins_that_were_allowed(start):
    running = start(cors=("https://good.example",))
    with running.client() as client:
        headers = {"origin": "https://good.example"}
        answer = client.post("/v1/audio/speech", json=running.body("Hello."), headers=headers)
        assert answer.headers["access-control-allow-origin"] == "https://good.example"
        assert "x-request-id" in answer.headers["access-control-expose-headers"].split(", ")
        wanted = "authorization,content-type,x-stainless-lang"  # as OpenAI's client in a page
        headers["access-control-request-headers"] = wanted
        asked = client.options("/v1/audio/speech", headers=headers)
        assert asked.headers["access-control-allow-methods"]
        assert asked.headers["access-control-allow-headers"] == wanted
        headers["origin"] = "https://evil.example"
        refused = client.options("/v1/audio/speech", headers=headers)
        assert "access-control-allow-headers" not in refused.headers


def test_keys(start):
    running = start(keys=(("alice", "secret-1"), ("bob", "secret-2")))
    paths = ("/v1/audio/voices", "/v1/models", "/api/tts?text=hi", "/process?INPUT_TEXT=hi")
    with running.client() as client:
        for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": "Basic eDp5"}):
            for path in (*paths, "/voices", "/locales", "/metrics"):
                answer = client.get(path, headers=headers)
                assert answer.status_code == 401
                assert answer.headers["www-authenticate"] == "Bearer"
            answer = client.post("/v1/audio/speech", json=running.body(), headers=headers)
            assert answer.json()["error"]["code"] == "invalid_api_key"
        assert client.get("/health").status_code == 200
        for key in ("secret-1", "secret-2"):
            headers = {"authorization": f"Bearer {key}"}
            answer = client.post("/v1/audio/speech", json=running.body(), headers=headers)
            assert answer.status_code == 200
            assert client.get("/metrics", headers=headers).status_code == 200
    address = running.base.replace("http", "ws") + "/v1/audio/speech/stream"
    with pytest.raises(InvalidStatus, match="401"):
        connect(address)
    with connect(address, subprotocols=["vivavoce.v1", "vivavoce.key.secret-1"]) as socket_:
        assert json.loads(socket_.recv())["type"] == "ready"
        assert socket_.subprotocol == "vivavoce.v1"


def test_a_path_that_a_proxy_takes_off_changes_nothing(start):
    running = start(keys=(("alice", "secret-1"),), root_path="/speech")
    with running.client() as client:
        for path in ("/", "/health", "/ready", "/openapi.json"):
            assert client.get(path).status_code == 200, path
        for path in ("/v1/models", "/metrics"):
            assert client.get(path).status_code == 401, path
        plain = client.get("/api/tts?text=hi")
        assert plain.headers["content-type"] == client.get("/voices").headers["content-type"]
    proxied = start(root_path="/speech", allowed_hosts=("tts.example",))
    with proxied.client() as client:
        assert client.get("/metrics", headers={"host": "tts.example"}).status_code == 401
        assert client.get("/metrics").status_code == 200


def test_silent_connections_are_closed(start):
    running = start(limits=RequestLimits(head_s=0.3, connections_per_address=20))
    silent = [socket.create_connection(("127.0.0.1", running.port)) for _ in range(20)]
    with socket.create_connection(("127.0.0.1", running.port)) as late:
        late.settimeout(5)
        assert late.recv(100).startswith(b"HTTP/1.1 503")
    for one in silent:
        one.settimeout(5)
        assert one.recv(1) == b""
        one.close()
    with running.client() as client:
        assert client.get("/health").status_code == 200


def test_small_answers_are_sent_at_once():
    """Else each waits 40 ms: the accepted socket is one that asyncio sets TCP_NODELAY on."""
    with listen("127.0.0.1", 0) as listening:
        address = listening.getsockname()
        with socket.create_connection(address), listening.accept()[0] as accepted:
            assert accepted.proto == socket.IPPROTO_TCP
        with pytest.raises(UsageError, match="Cannot listen"):
            listen(*address)


def test_two_lengths_are_refused(server):
    head = (
        b"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        raw.settimeout(5)
        raw.sendall(head)
        assert raw.recv(100).startswith(b"HTTP/1.1 400")


def test_health_metrics_and_models(server):
    server.speech("Hello.")
    with server.client() as client:
        assert client.get("/health").json() == {"status": "ok"}
        assert client.get("/ready").json()["models"] == {"tiny": "loaded"}
        text = client.get("/metrics").text
        (model,) = client.get("/v1/models").json()["data"]
        assert client.get("/v1/models/tiny").json() == model
    assert 'vivavoce_requests_total{dialect="openai",status="200"}' in text
    assert "vivavoce_first_audio_seconds_bucket" in text
    assert ("process_resident_memory_bytes" in text) is (sys.platform == "linux")
    assert (model["id"], model["owned_by"], model["loaded"]) == ("tiny", "vivavoce", True)
