"""Found without being told where: the Wyoming server under a name on the local network (mDNS)."""

from __future__ import annotations

import importlib.util
import ipaddress
import socket
from typing import TYPE_CHECKING

from vivavoce.errors import MissingExtra, UsageError

if TYPE_CHECKING:
    from zeroconf.asyncio import AsyncZeroconf

KIND = "_wyoming._tcp.local."
LONGEST_NAME = 63
"""Bytes of a DNS label (RFC 6763, section 4.1.1)."""

ANSWER_MS = 1500
"""A responder says nothing twice within a second (RFC 6762, section 6)."""


class Announcement:
    """`name` is what others see. Raises MissingExtra, UsageError."""

    def __init__(self, name: str) -> None:
        if importlib.util.find_spec("zeroconf") is None:
            message = "Announcing the server needs zeroconf."
            raise MissingExtra(message, "Install it: pip install 'vivavoce[zeroconf]'.")
        if not 0 < len(name.encode()) <= LONGEST_NAME or not name.isprintable():
            message = f"'{name}' cannot be announced as a name."
            raise UsageError(message, f"Use 1 to {LONGEST_NAME} bytes, without control characters.")
        self.name = name
        self._zeroconf: AsyncZeroconf | None = None

    async def start(self, host: str, port: int) -> None:
        """Say that it can be reached there. Raises UsageError when the name is taken."""
        from zeroconf import DNSQuestionType, InterfaceChoice, NonUniqueNameException, ServiceInfo
        from zeroconf.asyncio import AsyncZeroconf

        addresses = reachable(host)
        everywhere = host in ("", "0.0.0.0", "::")  # noqa: S104 - compared, not listened at
        chosen = InterfaceChoice.All if everywhere else addresses
        self._zeroconf = AsyncZeroconf(interfaces=chosen)
        info = ServiceInfo(KIND, f"{self.name}.{KIND}", port, parsed_addresses=addresses)
        # Registering asks for answers to this program alone. Where several on one machine listen,
        # the system gives such an answer to any of them; one that goes to all is asked for first.
        of_all = {"timeout": ANSWER_MS, "question_type": DNSQuestionType.QM}
        try:
            await self._zeroconf.async_get_service_info(KIND, info.name, **of_all)
            if self._zeroconf.zeroconf.cache.entries_with_name(info.name):
                raise NonUniqueNameException
            await (await self._zeroconf.async_register_service(info))
        except NonUniqueNameException:
            await self.stop()
            message = f"Another server is called '{self.name}' on this network."
            raise UsageError(message, "Choose another name with --zeroconf.") from None

    async def stop(self) -> None:
        """Say that it has gone."""
        if self._zeroconf is not None:
            await self._zeroconf.async_unregister_all_services()
            await self._zeroconf.async_close()
            self._zeroconf = None


def reachable(host: str) -> list[str]:
    """The addresses of this machine at which a server that listens at `host` is reached."""
    import ifaddr  # what zeroconf itself asks

    if host not in ("", "0.0.0.0", "::"):  # noqa: S104 - compared, not listened at
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return sorted({str(entry[4][0]) for entry in found})
    found = [str(ip.ip) for adapter in ifaddr.get_adapters() for ip in adapter.ips if ip.is_IPv4]
    return [address for address in found if not ipaddress.ip_address(address).is_loopback]
