"""One line of JSON for every request, without its text, voice or key."""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.types import Scope

    from vivavoce.serve.caller import Caller

_ENCODER = json.JSONEncoder(ensure_ascii=False)  # to make one costs as much as a line
log = logging.getLogger("vivavoce.serve.requests")


class JsonLines(logging.Formatter):
    """A record as one JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        line |= getattr(record, "facts", {})
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return _ENCODER.encode(line)


def set_up() -> None:
    """The server's own logs, and uvicorn's warnings, go to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    for name, level in (("vivavoce.serve", logging.INFO), ("uvicorn", logging.CRITICAL)):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)


def request_line(scope: Scope, caller: Caller, status: int, n_bytes: int, seconds: float) -> None:
    facts = {
        "id": caller.request_id,
        "client": caller.key,
        "method": scope.get("method", "WEBSOCKET"),
        "path": scope["path"][:200],
        "status": status,
        "bytes": n_bytes,
        "seconds": round(seconds, 4),
    }
    log.info("request", extra={"facts": facts | scope.get("facts", {})})
