"""One TCP connection: how many there may be, and how long one may say nothing."""

from __future__ import annotations

import asyncio
from collections import Counter

from uvicorn.protocols.http.h11_impl import H11Protocol

from vivavoce.serve.config import RequestLimits

REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\n"
    b"Connection: close\r\nContent-Length: 115\r\n\r\n"
    b'{"error":{"message":"There are too many connections.","type":"server_error","param":null,'
    b'"code":"overloaded"}}      '
)


def connection_class(limits: RequestLimits) -> type[H11Protocol]:
    """The protocol of one server, which counts its connections."""
    addresses: Counter[str] = Counter()

    class Connection(H11Protocol):
        """Closed when its first request does not come; refused when there are too many."""

        _timer: asyncio.TimerHandle | None = None
        _address = ""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._address = self.client[0] if self.client else ""
            addresses[self._address] += 1
            many = addresses.total() > limits.connections
            if many or addresses[self._address] > limits.connections_per_address:
                transport.write(REFUSAL)
                transport.close()
                return
            self._timer = self.loop.call_later(limits.head_s, self._too_late)

        def connection_lost(self, exc: Exception | None) -> None:
            if self._timer is not None:
                self._timer.cancel()
            addresses[self._address] -= 1
            if addresses[self._address] <= 0:
                del addresses[self._address]
            super().connection_lost(exc)

        def _too_late(self) -> None:
            if self.scope is None and not self.transport.is_closing():
                self.transport.close()

    return Connection
