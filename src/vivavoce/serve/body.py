"""Bodies of requests, read with a limit on size and time."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qsl

from starlette.requests import Request

from vivavoce.serve.config import RequestLimits
from vivavoce.serve.errors import ApiError, invalid, too_large
from vivavoce.serve.fields import whole_number
from vivavoce.serve.forms import read_form

FIELDS = 100
"""Of an URL-encoded query or form. MaryTTS' own page sends some thirty."""


async def read_body(request: Request, limit: int, limits: RequestLimits) -> bytes:
    """All of it. Raises ApiError 413 as soon as it shows that it is too large, 408 when it stops
    coming.
    """
    told = request.headers.get("content-length", "0")
    if not 0 <= whole_number(told) <= limit:
        raise too_large("The body", limit)
    data = bytearray()
    try:
        async with asyncio.timeout(limits.body_s):
            async for part in request.stream():
                data += part
                if len(data) > limit:
                    raise too_large("The body", limit)
    except TimeoutError:
        raise ApiError(408, "request_timeout", "The body did not arrive in time.") from None
    return bytes(data)


async def read_json(request: Request, limits: RequestLimits) -> bytes:
    """Raises ApiError 415 for another content type."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        message = "The body must be JSON, with the header Content-Type: application/json."
        raise ApiError(415, "unsupported_media_type", message)
    return await read_body(request, limits.json_bytes, limits)


async def read_values(request: Request, limits: RequestLimits) -> dict[str, str]:
    """The query and, of a POST, an URL-encoded form; empty values count as absent."""
    pairs = _pairs(request.url.query)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.method == "POST" and kind in ("", "application/x-www-form-urlencoded"):
        body = await read_body(request, limits.json_bytes, limits)
        pairs += _pairs(body.decode("utf-8", "replace"))
    elif request.method == "POST" and kind == "multipart/form-data":
        async with read_form(request, limits, 0, limits.json_bytes) as form:
            pairs += [(key, value) for key, value in form.items() if isinstance(value, str)]
    return {key: value for key, value in pairs if value}


def _pairs(query: str) -> list[tuple[str, str]]:
    """Names and values, URL-encoded. Raises ApiError where there are too many."""
    try:
        return parse_qsl(query, keep_blank_values=True, max_num_fields=FIELDS)
    except ValueError:
        message = f"There are more than {FIELDS} fields."
        raise invalid("invalid_value", message) from None
