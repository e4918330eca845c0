"""A whole server on a port of its own, with a tiny voice, for tests through real sockets."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any

import httpx
import numpy as np
import pytest

from tests.tiny import tiny_tts
from vivavoce.audio.encode import to_int16
from vivavoce.serve.config import ServeConfig
from vivavoce.serve.server import Server, listen, uvicorn_config
from vivavoce.serve.service import Service
from vivavoce.serve.stock import speakers, unique
from vivavoce.serve.table import ModelRow, Table
from vivavoce.serve.wyoming import Wyoming

SHORT = "The quick brown fox jumps over the lazy dog."
MEDIUM = (
    "It was a bright cold day in April, and the clocks were striking thirteen. "
    "The hallway smelt of boiled cabbage and old rag mats. "
    "At one end of it a coloured poster had been tacked to the wall."
)


@dataclass
class Running:
    """A server in a thread of its own."""

    service: Service
    tts: Any
    port: int = 0
    wyoming: int = 0
    loop: Any = None
    failure: list[BaseException] = field(default_factory=list)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, **how: Any) -> httpx.Client:
        """Without the certificates of the web, which take 30 ms to read."""
        how = {"base_url": self.base, "timeout": 30, "trust_env": False, "verify": False} | how
        return httpx.Client(**how)

    def body(self, text: str = SHORT, **more: Any) -> dict[str, Any]:
        return {"model": "tiny", "input": text, "response_format": "pcm"} | more

    def spoken(self, text: str, voice: str = "speaker0", **how: Any) -> np.ndarray:
        """What `TTS.speak` gives, as 16 bit: on the engine's thread, because with another number
        of threads sums may be made in another order.
        """
        return to_int16(
            self.service.engine.call(lambda: self.tts.speak(text, voice, **how)).result(60).samples
        )

    def speech(self, text: str = SHORT, **more: Any) -> httpx.Response:
        with self.client() as client:
            return client.post("/v1/audio/speech", json=self.body(text, **more))


def tiny_service(tts: Any, config: ServeConfig) -> Service:
    model = ModelRow(
        name=tts.name,
        family=tts.model.family,
        languages=("en",),
        sample_rate=tts.sample_rate,
        clones=tts.clones,
        times_words=tts.times_words,
        options=tuple(field.name for field in fields(tts.model.options_type)),
    )
    table = Table([model], unique(speakers(model, tts.voices)), config.aliases)
    return Service(config, table, {tts.name: lambda: tts})


@pytest.fixture(scope="session")
def tts() -> Any:
    return tiny_tts(n_speakers=3)


@pytest.fixture(scope="session")
def start(tts: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Running]]:
    """Starts servers; all of them end with the tests."""
    running: list[tuple[Running, threading.Thread, asyncio.Event]] = []

    def begin(speaker: Any = None, **settings: Any) -> Running:
        shelf = tmp_path_factory.mktemp("shelf")
        config = ServeConfig(host="127.0.0.1", port=0, shelf=shelf, **settings)
        server = Running(tiny_service(speaker or tts, config), speaker or tts)
        up, stop = threading.Event(), asyncio.Event()
        thread = threading.Thread(target=lambda: asyncio.run(_run(server, up, stop)), daemon=True)
        thread.start()
        assert up.wait(60)
        if server.failure:
            raise server.failure[0]
        running.append((server, thread, stop))
        return server

    yield begin
    for server, thread, stop in running:
        server.loop.call_soon_threadsafe(stop.set)
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture(scope="session")
def server(start: Callable[..., Running]) -> Running:
    """One that most tests share."""
    return start(max_concurrent=4, max_queue=40)


async def _run(running: Running, up: threading.Event, stop: asyncio.Event) -> None:
    service = running.service
    uvicorn = Server(uvicorn_config(service))
    wyoming = Wyoming(service)
    listening = listen(service.config.host, service.config.port)
    running.port = listening.getsockname()[1]
    serving = asyncio.create_task(uvicorn.serve([listening]))
    try:
        await service.start()
        while not uvicorn.started:
            await asyncio.sleep(0.01)
        running.loop = asyncio.get_running_loop()
        running.wyoming = await wyoming.start("127.0.0.1", 0)
    except BaseException as error:
        running.failure.append(error)
        raise
    finally:
        up.set()
    await stop.wait()
    await wyoming.stop()
    uvicorn.should_exit = True
    await serving
    await service.stop()
