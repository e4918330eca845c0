"""Who sent a request, as every endpoint learns it."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any


@dataclass
class Caller:
    """Who sent a request: `key` is the name of an API key, or the address."""

    request_id: str
    key: str = ""
    address: str = ""


def caller_of(scope: MutableMapping[str, Any]) -> Caller:
    """Who sent this request."""
    return scope["caller"]
