"""Multipart forms from strangers: in memory, never in a file, with a limit on size and time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from python_multipart.exceptions import FormParserError
from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from vivavoce.serve.config import RequestLimits
from vivavoce.serve.errors import ApiError, invalid, too_large
from vivavoce.serve.fields import whole_number

FILES, FIELDS, FIELD_BYTES = 2, 20, 64 << 10


@asynccontextmanager
async def read_form(
    request: Request, limits: RequestLimits, files: int = FILES, field_bytes: int = FIELD_BYTES
) -> AsyncIterator[FormData]:
    """The form of a request. Raises ApiError before reading what is no such thing (415), has no
    length (411) or is too large (413); for one that stops coming (408); for a damaged one (400).
    """
    _require_form(request, limits.form_bytes)
    parser = MultiPartParser(
        request.headers,
        request.stream(),
        max_files=files,
        max_fields=FIELDS,
        max_part_size=field_bytes,
    )
    parser.spool_max_size = limits.form_bytes
    try:
        async with asyncio.timeout(limits.body_s):
            form = await parser.parse()
    except TimeoutError:
        raise ApiError(408, "request_timeout", "The form did not arrive in time.") from None
    except (MultiPartException, FormParserError, KeyError) as error:
        raise invalid("invalid_value", "The form cannot be read.") from error
    try:
        yield form
    finally:
        await form.close()


def _require_form(request: Request, limit: int) -> None:
    """Raises ApiError by what the headers say."""
    told = whole_number(request.headers.get("content-length", ""))
    if told < 0:
        message = "A form needs the header Content-Length, of less than a gigabyte."
        raise ApiError(411, "invalid_value", message, headers={"connection": "close"})
    if told > limit:
        raise too_large("The form", limit)
    kind = request.headers.get("content-type", "")
    if not kind.lower().startswith("multipart/form-data"):
        message = "The body must be a form: Content-Type: multipart/form-data."
        raise ApiError(415, "unsupported_media_type", message)
