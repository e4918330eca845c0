"""In front of every route: who asks, from where, and what is said when something goes wrong."""

from __future__ import annotations

import json
import logging
import re
import secrets
import time
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vivavoce.serve.caller import Caller
from vivavoce.serve.config import LOOPBACK
from vivavoce.serve.errors import ApiError, describe, plain_error
from vivavoce.serve.logs import request_line
from vivavoce.serve.respond import Headers, send_json
from vivavoce.serve.service import Service

log = logging.getLogger("vivavoce.serve")
SAFE = ("GET", "HEAD", "OPTIONS")
OPEN_PATHS = ("/", "/health", "/ready", "/x/page.json", "/favicon.ico", "/openapi.json")
PLAIN_PATHS = ("/api/tts", "/process")
HEADER_NAMES = re.compile(r"[\w-]+(, *[\w-]+)*", re.ASCII)
EXPOSED = ", ".join(
    ("retry-after", "x-cache", "x-ignored-fields", "x-model", "x-request-id", "x-seed", "x-voice")
)
"""What a page of another origin may read of an answer, beside its body."""
KEY_PROTOCOL = "vivavoce.key."
"""Browsers cannot set headers of a WebSocket: there the key is a subprotocol of this name."""


class Guard:
    """Wraps the routes of `app`."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self.app, self.service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if _path(scope).startswith(PLAIN_PATHS):
            scope["error_shape"] = plain_error
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = _Answer(send)
        caller = self._caller(scope)
        begin = time.monotonic()
        asked = _headers(scope)
        answer.headers = {"x-request-id": caller.request_id} | self._cors(asked)
        try:
            if scope["method"] == "OPTIONS" and len(answer.headers) > 1:
                await _preflight(answer, asked)
            else:
                self._check(scope, asked, caller)
                await self.app(scope, receive, answer)
        except Exception as error:  # noqa: BLE001 - the last stop before the socket
            await self._failed(error, caller, scope, answer)
        finally:
            seconds = time.monotonic() - begin
            dialect = scope.get("dialect", "http")
            self.service.metrics.answered(dialect, answer.status, seconds)
            request_line(scope, caller, answer.status, answer.n_bytes, seconds)

    async def _failed(
        self, error: Exception, caller: Caller, scope: Scope, answer: _Answer
    ) -> None:
        """An answer if there can still be one; else the connection just ends."""
        told = _told(error, caller.request_id)
        if isinstance(error, ClientDisconnect):
            return  # in the middle of its own request
        if told.status == 500:
            log.error("request %s failed", caller.request_id, exc_info=error)
        if answer.status:
            return
        shape = scope.get("error_shape", ApiError.body)
        await send_json(answer, scope, told.status, shape(told), dict(told.headers))

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller = self._caller(scope)
        begin, status = time.monotonic(), 101
        try:
            self._check(scope, _headers(scope), caller)
            await self.app(scope, receive, send)
        except (ApiError, HTTPException) as error:
            told = _told(error, caller.request_id)
            status = told.status
            await _deny(scope, send, told, caller.request_id)
        except Exception:
            status = 500
            log.exception("connection %s failed", caller.request_id)
        finally:
            seconds = time.monotonic() - begin
            self.service.metrics.answered(scope.get("dialect", "websocket"), status, seconds)
            request_line(scope, caller, status, 0, seconds)

    def _caller(self, scope: Scope) -> Caller:
        address = (scope.get("client") or ("",))[0]
        caller = Caller("req_" + secrets.token_hex(12), address, address)
        scope["app"] = self
        scope.setdefault("state", {})
        scope["caller"] = caller
        return caller

    def _check(self, scope: Scope, headers: Headers, caller: Caller) -> None:
        """Raises ApiError for what may not be asked from there, or without a key."""
        if "content-length" in headers and "transfer-encoding" in headers:
            message = "The request has both Content-Length and Transfer-Encoding."
            raise ApiError(400, "invalid_value", message, headers={"connection": "close"})
        self._check_host(headers)
        self._check_origin(scope, headers)
        self._check_key(scope, headers, caller)

    def _check_host(self, headers: Headers) -> None:
        """On loopback: a page elsewhere must not reach us under a name of its own."""
        config = self.service.config
        if not config.on_loopback:
            return
        host = _hostname(headers.get("host", ""))
        if host not in (*LOOPBACK, *config.allowed_hosts):
            message = "This host name is not allowed (--allowed-host)."
            raise ApiError(421, "unknown_host", message, headers={"connection": "close"})

    def _check_origin(self, scope: Scope, headers: Headers) -> None:
        origin = headers.get("origin")
        if origin is None or (scope["type"] == "http" and scope["method"] in SAFE):
            return
        own = origin.partition("://")[2] == headers.get("host")
        if not own and origin not in self.service.config.cors:
            message = "Pages of this origin may not use the server."
            raise ApiError(403, "foreign_origin", message, None, "permission_error")

    def _check_key(self, scope: Scope, headers: Headers, caller: Caller) -> None:
        keys, path = self.service.keys, _path(scope)
        name = keys.name_of(_given_key(headers)) if keys.needed else None
        if name is not None:
            caller.key = name
        if path in OPEN_PATHS or path.startswith("/page/"):
            return
        if path == "/metrics":
            local = is_local(scope, caller) and not keys.needed
            allowed = local or name is not None or self.service.config.open_metrics
        else:
            allowed = name is not None or not keys.needed
        if not allowed:
            message = "The API key is missing or wrong."
            headers = {"www-authenticate": "Bearer"}
            raise ApiError(401, "invalid_api_key", message, headers=headers)

    def _cors(self, asked: Headers) -> Headers:
        origin = asked.get("origin")
        if origin is None or origin not in self.service.config.cors:
            return {}
        seen = {"access-control-expose-headers": EXPOSED}
        return {"access-control-allow-origin": origin, "vary": "origin"} | seen


class _Answer:
    """`send`, remembering what was sent and adding the headers of every answer."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status, self.n_bytes = 0, 0
        self.headers: Headers = {}

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            more = [(k.encode(), v.encode("latin-1")) for k, v in self.headers.items()]
            message["headers"] = [*message.get("headers", ()), *more]
        elif message["type"] == "http.response.body":
            self.n_bytes += len(message.get("body", b""))
        await self._send(message)


def _told(error: Exception, request_id: str) -> ApiError:
    if not isinstance(error, HTTPException):
        return describe(error, request_id)
    if error.status_code == 404:
        return ApiError(404, "not_found", "There is nothing at this address.")
    code = {405: "method_not_allowed"}.get(error.status_code, "invalid_value")
    message = HTTPStatus(error.status_code).phrase + "."
    return ApiError(error.status_code, code, message, headers=dict(error.headers or {}))


async def _preflight(send: Send, asked: Headers) -> None:
    """To a trusted page, which may send what it likes: clients add headers of their own."""
    wanted = asked.get("access-control-request-headers", "")
    allowed = wanted if HEADER_NAMES.fullmatch(wanted) else "authorization, content-type"
    headers = [
        (b"access-control-allow-methods", b"GET, POST, DELETE"),
        (b"access-control-allow-headers", allowed.encode("latin-1")),
        (b"access-control-max-age", b"600"),
    ]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


async def _deny(scope: Scope, send: Send, told: ApiError, request_id: str) -> None:
    """Refuse a WebSocket with an HTTP answer where the server can."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008})
        return
    body = json.dumps(told.body()).encode()
    named = {"content-type": "application/json", "content-length": str(len(body))}
    named |= {"x-request-id": request_id} | dict(told.headers)
    headers = [(key.encode(), value.encode("latin-1")) for key, value in named.items()]
    start = {"type": "websocket.http.response.start", "status": told.status, "headers": headers}
    await send(start)
    await send({"type": "websocket.http.response.body", "body": body})


def is_local(scope: Scope, caller: Caller) -> bool:
    """Whether a program on this machine asks, and not a proxy here for somebody elsewhere."""
    host = _hostname(_headers(scope).get("host", ""))
    return caller.address in LOOPBACK and host in LOOPBACK


def _path(scope: Scope) -> str:
    """As the routes see it: without the path at which a proxy shows the server (`--root-path`)."""
    return scope["path"].removeprefix(scope.get("root_path", ""))


def _headers(scope: Scope) -> Headers:
    return {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}


def _hostname(host: str) -> str:
    """Without the port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()


def _given_key(headers: Headers) -> str:
    """From `Authorization`, as Bearer or (Deepgram's clients) Token; or from a subprotocol."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() in ("bearer", "token"):
        return key.strip()
    offered = [part.strip() for part in headers.get("sec-websocket-protocol", "").split(",")]
    found = (p.removeprefix(KEY_PROTOCOL) for p in offered if p.startswith(KEY_PROTOCOL))
    return next(found, "")
