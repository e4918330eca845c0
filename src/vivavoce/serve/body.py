"""Bodies of requests, read with a limit on size and time."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qsl

from starlette.requests import Request

from vivavoce.serve.config import RequestLimits
from vivavoce.serve.errors import ApiError, too_large


async def read_body(request: Request, limit: int, limits: RequestLimits) -> bytes:
    """All of it. Raises ApiError 413 as soon as it shows that it is too large, 408 when it stops
    coming.
    """
    told = request.headers.get("content-length", "0")
    if told.isdigit() and int(told) > limit:
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
    pairs = list(request.query_params.multi_items())
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.method == "POST" and kind in ("", "application/x-www-form-urlencoded"):
        body = await read_body(request, limits.json_bytes, limits)
        pairs += parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    elif request.method == "POST" and kind == "multipart/form-data":
        async with request.form(max_files=0, max_fields=20) as form:
            pairs += [(key, value) for key, value in form.items() if isinstance(value, str)]
    return {key: value for key, value in pairs if value}
