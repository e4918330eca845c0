"""What the server costs and bears, over loopback with the bundled voice.

  python benchmarks/serve.py                     # starts `vivavoce serve` by itself
  python benchmarks/serve.py --streams 16 --runs 3 --json serve.json

First audio alone and beside the engine's own, streams that are heard without a stall, refusals
under four times the load, how fast a cancelled request leaves its place, memory after many
requests. Prints medians over the runs, and the load of the machine, which they depend on.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

import httpx
import torch

import vivavoce

TEXT = (
    "It was a bright cold day in April, and the clocks were striking thirteen. The hallway smelt "
    "of boiled cabbage and old rag mats. At one end of it a coloured poster had been tacked up."
)
RATE = 24_000
STALL_S = 0.1
ROWS, QUEUE = 8, 16
ALONE = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--streams", type=int, default=16)
    parser.add_argument("--requests", type=int, default=200, help="for the memory measured last")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    engine = loaded_engine()
    with Served() as served:
        found = {"cores": os.cpu_count(), "load": os.getloadavg()[0]}
        runs = [
            asyncio.run(one_run(served, engine, given.streams, run)) for run in range(given.runs)
        ]
        found |= {name: statistics.median(run[name] for run in runs) for name in runs[0]}
        found |= asyncio.run(memory(served, given.requests))
    print(json.dumps(found, indent=1))
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Served:
    """A server in a process of its own. `--wyoming 0` among the options means a free port."""

    code = "import sys; from vivavoce.cli import main; sys.exit(main())"

    def __init__(self, *options: str) -> None:
        self.port, self.wyoming = free_port(), free_port()
        self.options = [str(self.wyoming) if option == "0" else option for option in options]

    def __enter__(self) -> Served:
        self.base = f"http://127.0.0.1:{self.port}"
        command = [sys.executable, "-c", self.code]
        command += ["serve", "--port", str(self.port), "--cache-mb", "0"]
        command += ["--max-concurrent", str(ROWS), "--max-queue", str(QUEUE), *self.options]
        begin = time.monotonic()
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        while self.process.poll() is None:
            try:
                if httpx.get(self.base + "/ready", timeout=2).status_code == 200:
                    break
            except httpx.HTTPError:
                pass
            time.sleep(0.05)
        self.ready_s = time.monotonic() - begin
        return self

    def __exit__(self, *error: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)

    def client(self) -> httpx.AsyncClient:
        limits = httpx.Limits(max_connections=200)
        return httpx.AsyncClient(base_url=self.base, timeout=120, limits=limits)

    def rss_mib(self) -> float:
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def body(text: str, seed: int) -> dict:
    return {"model": "default", "input": text, "response_format": "pcm", "seed": seed}


async def one_run(served: Served, engine: vivavoce.TTS, streams: int, run: int) -> dict[str, float]:
    """Server and engine take turns: a machine's speed may change by a fifth in a minute."""
    async with served.client() as client:
        await heard(client, TEXT, 10_000 + run)
        alone, by_engine = [], []
        for n in range(ALONE):
            alone.append((await heard(client, TEXT, 100 * run + n))[0])
            by_engine.append(first_piece(engine, 100 * run + n))
        crowd = await asyncio.gather(
            *(heard(client, " ".join([TEXT] * 3), 1000 * run + n) for n in range(streams))
        )
        refused = await overload(served.port, run)
        cancelled = await cancel(client, run)
    return {
        "ready_s": served.ready_s,
        "first_audio_ms": 1000 * statistics.median(alone),
        "engine_first_audio_ms": 1000 * statistics.median(by_engine),
        "server_cost_ms": 1000
        * statistics.median(one - other for one, other in zip(alone, by_engine, strict=True)),
        f"first_audio_ms_among_{streams}": 1000 * statistics.median(f for f, _ in crowd),
        f"streams_of_{streams}_without_a_stall": sum(late <= STALL_S for _, late in crowd),
        "cancelled_ms": cancelled,
    } | refused


async def heard(client: httpx.AsyncClient, text: str, seed: int) -> tuple[float, float]:
    """Seconds to the first audio, and how late the latest sample was for a listener."""
    begin = time.monotonic()
    first, count, late = 0.0, 0, 0.0
    async with client.stream("POST", "/v1/audio/speech", json=body(text, seed)) as answer:
        answer.raise_for_status()
        async for data in answer.aiter_raw():
            now = time.monotonic() - begin
            first = first or now
            late = max(late, now - first - count / 2 / RATE)
            count += len(data)
    return first, late


async def overload(port: int, run: int) -> dict[str, float]:
    """Four times what the server takes, at once."""

    async def ask(number: int) -> tuple[int, float, bool]:
        """By hand: a hundred requests of a real client at once would measure the client."""
        asked = json.dumps(body(TEXT, 50_000 + 1000 * run + number)).encode()
        head = "POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(asked)}\r\n\r\n"
        begin = time.monotonic()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head.encode() + asked)
        status = int((await reader.readline()).split()[1])
        seconds = time.monotonic() - begin
        told = b"retry-after" in await reader.readuntil(b"\r\n\r\n")
        while await reader.read(65536):
            continue
        writer.close()
        return status, seconds, told

    answers = await asyncio.gather(*(ask(n) for n in range(4 * (ROWS + QUEUE))))
    refusals = sorted(seconds for status, seconds, _ in answers if status == 503)
    wrong = [
        status for status, _, told in answers if status != 200 and not (status == 503 and told)
    ]
    return {
        "refused": len(refusals),
        "refused_ms_p95": 1000 * refusals[int(0.95 * len(refusals))] if refusals else 0.0,
        "other_errors": len(wrong),
    }


async def cancel(client: httpx.AsyncClient, run: int) -> float:
    """Milliseconds until a request whose client left is no longer active."""
    text = " ".join([TEXT] * 40)
    async with client.stream("POST", "/v1/audio/speech", json=body(text, 90_000 + run)) as answer:
        await anext(answer.aiter_raw())
    begin = time.monotonic()
    while True:
        metrics = (await client.get("/metrics")).text
        found = re.search(r"^vivavoce_active_requests ([0-9.]+)$", metrics, re.MULTILINE)
        if found and float(found[1]) == 0:
            return 1000 * (time.monotonic() - begin)


async def memory(served: Served, requests: int) -> dict[str, float]:
    """Growth over many requests of all formats, some of them given up."""
    formats = ("mp3", "opus", "aac", "flac", "wav", "pcm")
    async with served.client() as client:

        async def ask(number: int) -> None:
            asked = body(f"Number {number}. {TEXT}", number)
            asked["response_format"] = formats[number % len(formats)]
            async with client.stream("POST", "/v1/audio/speech", json=asked) as answer:
                if number % 5 == 0:
                    await anext(answer.aiter_raw())
                else:
                    await answer.aread()

        async def many(count: int, begin: int) -> None:
            for first in range(begin, begin + count, 4):
                await asyncio.gather(*(ask(first + n) for n in range(4)))

        await many(requests // 4, 0)
        before = served.rss_mib()
        await many(requests, requests)
        after = served.rss_mib()
    return {"rss_mib": round(after, 1), "rss_growth_mib": round(after - before, 1)}


def loaded_engine() -> vivavoce.TTS:
    """In this process, with as many threads as the server's."""
    torch.set_num_threads(max(1, torch.get_num_threads() - 1))
    tts = vivavoce.load()
    tts.speak("Hello.")
    return tts


def first_piece(tts: vivavoce.TTS, seed: int) -> float:
    """Seconds to the first piece of `TTS.stream`."""
    begin = time.perf_counter()
    next(tts.stream(TEXT, seed=seed))
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
