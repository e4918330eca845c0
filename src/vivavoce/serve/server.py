"""Starting and ending: sockets, signals, and what is finished before the process goes."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator

import uvicorn

from vivavoce.errors import UsageError
from vivavoce.hub import paths as cache
from vivavoce.serve import logs
from vivavoce.serve.app import make_app
from vivavoce.serve.config import ServeConfig
from vivavoce.serve.connection import Connections
from vivavoce.serve.discovery import Announcement
from vivavoce.serve.openai import Refusals
from vivavoce.serve.service import Service
from vivavoce.serve.shelf import Shelf
from vivavoce.serve.stock import own_voices, stock
from vivavoce.serve.table import VoiceRow
from vivavoce.serve.wyoming import Wyoming

TICK_S, HURRY_S = 0.05, 0.2
SWITCH_S = 0.0002
"""Seconds after which the engine's thread makes way for the sockets', which need little."""
log = logging.getLogger("vivavoce.serve")


class Server(uvicorn.Server):
    """uvicorn without its signal handlers: a signal first lets finish what sounds."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def run(config: ServeConfig) -> None:
    """Serve until a signal comes. Raises UnknownModel and whatever loading raises."""
    table, loaders = stock(config)
    listening = listen(config.host, config.port)
    logs.set_up()
    sys.setswitchinterval(SWITCH_S)

    def voices() -> list[VoiceRow]:
        return own_voices(table.models.values())

    if asyncio.run(serve(Service(config, table, loaders, voices), listening)):
        os._exit(0)  # somebody is impatient, and to take torch apart takes seconds


def listen(host: str, port: int) -> socket.socket:
    """Raises UsageError for an address that cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends small packets at once (TCP_NODELAY) only where the protocol is named: without,
    # every answer waits 40 ms for the client's acknowledgement.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(256)
        return listening
    except OSError as error:
        listening.close()
        raise UsageError(
            f"Cannot listen on {host}, port {port}: {error.strerror}.",
            "Choose another with --port or --host.",
        ) from error


async def serve(service: Service, listening: socket.socket) -> bool:
    """The socket answers at once; `/ready` says when the default model can speak.

    Returns when a signal has ended it: whether a second one came.
    """
    server = Server(uvicorn_config(service))
    wyoming = Wyoming(service)
    announcement = Announcement(service.config.zeroconf) if service.config.zeroconf else None
    Signals(service, server, wyoming).install()
    starting = asyncio.create_task(service.start())
    serving = asyncio.create_task(server.serve([listening]))
    try:
        await asyncio.wait({starting, serving}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()  # raises what loading raised
            gc.freeze()  # what is there stays: to look through it held every thread for 0.1 s
            if service.config.wyoming is not None:
                port = await start_wyoming(wyoming, *service.config.wyoming)
                if announcement is not None:
                    await announcement.start(service.config.wyoming[0], port)
            announce(service.config)
        await serving
    finally:
        server.should_exit = True
        if announcement is not None:
            await announcement.stop()
        await wyoming.stop()
        await service.stop(HURRY_S if server.force_exit else 10.0)
        if not serving.done():
            await serving
    return server.force_exit


async def start_wyoming(wyoming: Wyoming, host: str, port: int) -> int:
    """The port. Raises UsageError for an address that cannot be had."""
    try:
        return await wyoming.start(host, port)
    except OSError as error:
        raise UsageError(
            f"Cannot listen on {host}, port {port}: {error.strerror}.",
            "Choose another with --wyoming.",
        ) from error


def uvicorn_config(service: Service) -> uvicorn.Config:
    config, limits = service.config, service.config.limits
    http, ws = Connections(limits, Refusals(service)).protocols()
    return uvicorn.Config(
        make_app(service, Shelf(config.shelf or cache.folder() / "served")),
        host=config.host,
        port=config.port,
        http=http,
        ws=ws,
        ws_max_size=limits.message_bytes,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        root_path=config.root_path,
        timeout_keep_alive=20,
        timeout_graceful_shutdown=2,
        h11_max_incomplete_event_size=64 << 10,
    )


def announce(config: ServeConfig) -> None:
    host = f"[{config.host}]" if ":" in config.host else config.host
    log.info("listening on http://%s:%d", host, config.port)


class Signals:
    """SIGTERM and SIGINT: finish what sounds, then go; a second one goes at once.

    SIGHUP reads the API keys and the user's voices again.
    """

    def __init__(self, service: Service, server: Server, wyoming: Wyoming) -> None:
        self.service, self.server, self.wyoming = service, server, wyoming
        self._draining: asyncio.Task[None] | None = None

    def install(self) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(NotImplementedError):  # Windows has no such handlers
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self.leave)
            if hasattr(signal, "SIGHUP"):
                loop.add_signal_handler(signal.SIGHUP, self.service.reload)

    def leave(self) -> None:
        if self._draining is None:
            self._draining = asyncio.create_task(self._drain())
        else:
            self.service.scheduler.cancel_all("shutdown")
            self.server.should_exit = self.server.force_exit = True

    async def _drain(self) -> None:
        scheduler = self.service.scheduler
        scheduler.close()
        self.wyoming.close()
        for listening in getattr(self.server, "servers", ()):
            listening.close()
        loop = asyncio.get_running_loop()
        latest = loop.time() + self.service.config.grace_s
        while (scheduler.jobs or self.service.heard) and loop.time() < latest:
            await asyncio.sleep(TICK_S)
        await asyncio.sleep(TICK_S)  # the last bytes are on their way
        scheduler.cancel_all("shutdown")
        self.server.should_exit = True
