"""What a client is told when something fails: OpenAI's shape, and nothing about this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vivavoce.errors import (
    AudioError,
    ConfigError,
    GuardError,
    TextError,
    UnknownModel,
    UnknownVoice,
    UsageError,
    VivavoceError,
)

INVALID = "invalid_request_error"


@dataclass(eq=False)
class ApiError(Exception):
    """An answer that is an error. `param` names the field of the request that is to blame."""

    status: int
    code: str
    message: str
    param: str | None = None
    type: str = INVALID
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """`{"error": …}` as OpenAI's clients read it."""
        error = {"message": self.message, "type": self.type, "param": self.param, "code": self.code}
        return {"error": error}

    def __str__(self) -> str:
        return self.message


def plain_error(error: ApiError) -> dict[str, Any]:
    """As `tts-server` says it."""
    return {"error": error.message}


class Cancelled(VivavoceError):
    """The client left or took its request back."""


def invalid(code: str, message: str, param: str | None = None) -> ApiError:
    """400: the client can change the request and try again."""
    return ApiError(400, code, message, param)


def busy(code: str, message: str, retry_s: int) -> ApiError:
    """503: the same request will do later."""
    headers = {"retry-after": str(retry_s)}
    return ApiError(503, code, message, None, "server_error", headers)


def too_large(what: str, limit: int) -> ApiError:
    """413, and the connection ends: the rest of the body is not read."""
    message = f"{what} is larger than {limit:,} bytes."
    return ApiError(413, "request_too_large", message, headers={"connection": "close"})


def not_found(message: str, code: str = "not_found", param: str | None = None) -> ApiError:
    return ApiError(404, code, message, param)


def internal(request_id: str) -> ApiError:
    """500: the reason is in the server's log, under this id."""
    message = f"The server could not do this (request id {request_id})."
    return ApiError(500, "internal_error", message, None, "server_error")


def describe(error: Exception, request_id: str) -> ApiError:
    """An exception as an answer. Only messages that are meant for users leave the server."""
    if isinstance(error, ApiError):
        return error
    for kind, code, param in _USERS:
        if isinstance(error, kind):
            return invalid(code, str(error), param)
    if isinstance(error, GuardError):
        headers = {"x-should-retry": "false"}
        return ApiError(500, "not_speech", str(error), None, "server_error", headers)
    return internal(request_id)


_USERS: tuple[tuple[type[Exception], str, str | None], ...] = (
    (TextError, "nothing_to_speak", "input"),
    (UnknownVoice, "voice_not_found", "voice"),
    (UnknownModel, "model_not_found", "model"),
    (ConfigError, "unknown_option", "options"),
    (AudioError, "bad_audio", None),
    (UsageError, "invalid_value", None),
)
