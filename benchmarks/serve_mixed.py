"""Memory of a server over many requests of every kind, and what a client that does not read costs.

  python benchmarks/serve_mixed.py                      # starts `vivavoce serve` by itself
  python benchmarks/serve_mixed.py --requests 1000 --json mixed.json

All dialects and formats, streamed and whole, given up half way, and bad input, four at a time.
Memory is resident memory of the server's process (Linux), first after a quarter of the requests.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
from collections import Counter
from contextlib import closing
from pathlib import Path

import httpx
from serve import TEXT, Served
from websockets.asyncio.client import connect

FORMATS = ("mp3", "opus", "aac", "flac", "wav", "pcm")
NONSENSE = (
    b"{",
    b"[" * 5000,
    b'{"model":"default","input":"x","speed":1e400}',
    b'{"model":"/etc/passwd","input":"x"}',
    b'{"model":"default","input":"\\ud800","voice":"../../x"}',
)
MOST, SHARE = 32.0, 0.05  # MiB, and of what there was: growth that is still flat
SLOW_MIB = 16.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--together", type=int, default=4)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with Served("--wyoming", "0") as served:
        found = asyncio.run(measure(served, given.requests, given.together))
    print(json.dumps(found, indent=1))
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n")


async def measure(served: Served, requests: int, together: int) -> dict[str, object]:
    seen: Counter[str] = Counter()
    await many(served, range(requests // 4), together, seen)
    before = await settled(served)
    await many(served, range(requests, 2 * requests), together, seen)
    after = await settled(served)
    slow = await slow_readers(served)
    return {
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "answers": dict(sorted(seen.items())),
        "rss_mib": after,
        "rss_growth_mib": after - before,
        "flat": abs(after - before) <= max(MOST, SHARE * before),
        "slow_reader_mib": slow,
        "slow_reader_small": slow <= SLOW_MIB,
    }


async def settled(served: Served) -> float:
    """Resident memory once the engine has given back what it can (after ten idle seconds)."""
    await asyncio.sleep(12)
    return served.rss_mib()


async def many(served: Served, numbers: range, together: int, seen: Counter[str]) -> None:
    places = asyncio.Semaphore(together)
    async with served.client() as client:

        async def one(number: int) -> None:
            async with places:
                kind = KINDS[number % len(KINDS)]
                seen[f"{kind.__name__} {await kind(served, client, number)}"] += 1

        await asyncio.gather(*(one(number) for number in numbers))


def text_of(number: int) -> str:
    return f"Number {number}. The quick brown fox jumps over the lazy dog."


def body(number: int, **more: object) -> dict[str, object]:
    form = FORMATS[number // len(KINDS) % len(FORMATS)]
    asked = {"model": "default", "input": text_of(number), "response_format": form}
    return asked | {"seed": number} | more


async def streamed(served: Served, client: httpx.AsyncClient, number: int) -> str:
    async with client.stream("POST", "/v1/audio/speech", json=body(number)) as answer:
        await answer.aread()
        return str(answer.status_code)


async def whole(served: Served, client: httpx.AsyncClient, number: int) -> str:
    answer = await client.post("/v1/audio/speech", json=body(number, stream=False))
    return str(answer.status_code)


async def events(served: Served, client: httpx.AsyncClient, number: int) -> str:
    asked = body(number, stream_format="sse", timestamps=True)
    answer = await client.post("/v1/audio/speech", json=asked)
    return "done" if "speech.audio.done" in answer.text else str(answer.status_code)


async def given_up(served: Served, client: httpx.AsyncClient, number: int) -> str:
    asked = body(number, input=" ".join([TEXT] * 20))
    async with client.stream("POST", "/v1/audio/speech", json=asked) as answer:
        await anext(answer.aiter_raw())
        return str(answer.status_code)


async def nonsense(served: Served, client: httpx.AsyncClient, number: int) -> str:
    content = NONSENSE[number // len(KINDS) % len(NONSENSE)]
    headers = {"content-type": "application/json"}
    answer = await client.post("/v1/audio/speech", content=content, headers=headers)
    return str(answer.status_code)


async def upload(served: Served, client: httpx.AsyncClient, number: int) -> str:
    """A form whose recording is none."""
    fields = {"name": "A", "language": "en"}
    files = {"recording": ("a.wav", b"#EXTM3U\nfile:///etc/passwd\n" * 1000)}
    answer = await client.post("/v1/audio/voice_consents", data=fields, files=files)
    return str(answer.status_code)


async def tts_server(served: Served, client: httpx.AsyncClient, number: int) -> str:
    answer = await client.get("/api/tts", params={"text": text_of(number)})
    return str(answer.status_code)


async def socket_turn(served: Served, client: httpx.AsyncClient, number: int) -> str:
    address = served.base.replace("http", "ws") + "/v1/audio/speech/stream"
    async with connect(address) as ws:
        for message in (
            {"type": "start", "id": "a", "seed": number, "timestamps": True},
            {"type": "text", "id": "a", "text": text_of(number)},
            {"type": "cancel" if number % 3 == 0 else "end", "id": "a"},
        ):
            await ws.send(json.dumps(message))
        while True:
            told = await ws.recv()
            if isinstance(told, str) and json.loads(told)["type"] in ("done", "cancelled"):
                return json.loads(told)["type"]


async def deepgram(served: Served, client: httpx.AsyncClient, number: int) -> str:
    async with connect(served.base.replace("http", "ws") + "/v1/speak") as ws:
        await ws.send(json.dumps({"type": "Speak", "text": text_of(number)}))
        await ws.send(json.dumps({"type": "Flush"}))
        while True:
            told = await ws.recv()
            if isinstance(told, str) and json.loads(told)["type"] == "Flushed":
                return "flushed"


async def wyoming(served: Served, client: httpx.AsyncClient, number: int) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.wyoming)
    asked = {"type": "synthesize", "data": {"text": text_of(number)}}
    writer.write(json.dumps(asked).encode() + b"\n")
    with closing(writer):
        while True:
            head = json.loads(await reader.readline())
            await reader.readexactly(head.get("data_length", 0) + head.get("payload_length", 0))
            if head["type"] in ("audio-stop", "error"):
                return head["type"]


KINDS = (
    *(streamed, given_up, whole, nonsense, events, tts_server),
    *(streamed, socket_turn, deepgram, wyoming, upload),
)


async def slow_readers(served: Served, count: int = 4) -> float:
    """MiB for each of some clients that ask for a book and read nothing."""
    before = served.rss_mib()
    silent = []
    for number in range(count):
        content = json.dumps(body(number, input=" ".join([TEXT] * 400), response_format="pcm"))
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 10)
        one.connect(("127.0.0.1", served.port))
        head = "POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        one.sendall((head + content).encode())
        silent.append(one)
    await asyncio.sleep(15)
    most = served.rss_mib() - before
    for one in silent:
        one.close()
    return most / count


if __name__ == "__main__":
    main()
