"""XTTS through the server beside the same sentences as one batch: seconds of speech per second.

  python benchmarks/serve_xtts.py [--toy] [--rows 4] [--codes 60] [--precision int8] [--json FILE]

The checkpoint is random and at full size (benchmarks/xtts_checkpoint.py, 1.9 GB; `--folder` keeps
it), so that each sentence takes `--codes` codes. One is better: the server adds sockets and text,
and joins requests to a batch that runs. Both sides use the same number of threads and take turns;
the share is the median over the rounds: the speed of a machine may change by a fifth in a minute.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch

import vivavoce
from benchmarks import xtts_checkpoint
from benchmarks.serve import RATE, Served
from benchmarks.xtts_vocabulary import SENTENCES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--toy", action="store_true", help="small, to see that everything runs")
    parser.add_argument("--rows", type=int, default=4)
    parser.add_argument("--codes", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precision", default="int8")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        sizes = xtts_checkpoint.TOY if given.toy else xtts_checkpoint.FULL
        folder = xtts_checkpoint.write(given.folder or Path(temporary), sizes)
        found = measure(folder, given)
    print(json.dumps(found, indent=1))
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n")


class Lenient(Served):
    """Random weights never stop by themselves, which the server takes for no speech: here it only
    warns, as the batch does.
    """

    code = f"""
from functools import partialmethod
from vivavoce.speech.engine import TTS
TTS.request = partialmethod(TTS.request, on_problem="warn")
{Served.code}
"""


def measure(folder: Path, given: argparse.Namespace) -> dict[str, object]:
    texts = list(SENTENCES[: given.rows])
    torch.set_num_threads(max(1, torch.get_num_threads() - 1))
    tts = vivavoce.load(folder, device="cpu", precision=given.precision)
    options = ("-m", str(folder), "--precision", given.precision, "--max-memory", "64GB")
    rounds = []
    with Lenient(*options) as served:
        for _ in range(given.rounds + 1):
            batch = offline(tts, texts, given.codes)
            rounds.append((batch, asyncio.run(together(served, texts, given.codes))))
    batches, servers = zip(*rounds[1:], strict=True)
    return {
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "rows": len(texts),
        "codes": given.codes,
        "precision": given.precision,
        "batch_times_real": round(statistics.median(batches), 3),
        "server_times_real": round(statistics.median(servers), 3),
        "server_share": round(statistics.median(s / b for b, s in rounds[1:]), 3),
    }


def offline(tts: vivavoce.TTS, texts: list[str], codes: int) -> float:
    """Of `TTS.batch`."""
    voice = tts.model.voice(xtts_checkpoint.SPEAKER)
    begin = time.perf_counter()
    spoken = tts.batch(texts, voice, on_problem="warn", language="en", max_codes=codes)
    return sum(one.duration_s for one in spoken) / (time.perf_counter() - begin)


async def together(served: Served, texts: list[str], codes: int) -> float:
    """Of requests that are sent at once, up to the last sample of the last."""
    async with served.client() as client:

        async def one(text: str) -> int:
            asked = {"model": "default", "input": text, "response_format": "pcm"}
            answer = await client.post(
                "/v1/audio/speech",
                json=asked | {"voice": xtts_checkpoint.SPEAKER, "options": {"max_codes": codes}},
            )
            answer.raise_for_status()
            return len(answer.content) // 2

        begin = time.perf_counter()
        samples = await asyncio.gather(*(one(text) for text in texts))
        return sum(samples) / RATE / (time.perf_counter() - begin)


if __name__ == "__main__":
    main()
