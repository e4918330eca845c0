"""XTTS v2 at official size beside coqui-tts: the same checkpoint, text and voice, in turns.

    python benchmarks/xtts.py --peer PYTHON_OF_THE_PEER [--json FILE] [--rows decode stream ...]
        [--rounds 3] [--codes 120] [--threads 2] [--folder FOLDER] [--toy]

The checkpoint is random (benchmarks/xtts_checkpoint.py) and never stops by itself, so both sides
decode `--codes` codes. Two processes take turns; figures are medians over `--rounds`, which are
after one short warm-up of everything. `--json` gets the rows, every single time and the machine.
Without `--peer` our side runs alone and rows that need the other one are left out.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch

from benchmarks import peer, xtts_checkpoint, xtts_rows, xtts_vocabulary
from benchmarks.xtts_ours import Ours, compare, floor, memory_of
from benchmarks.xtts_rows import Seen

PRECISIONS = ("float32", "bfloat16", "int8")
REFERENCES = (6, 30)
"""Seconds of the recordings that voices are made of."""

WARM_CODES = 16
"""Of the round that is not counted; fewer would be judged to be no speech."""

Task = Callable[[int], dict[str, Any]]
"""Does its work for so many codes; answers with its seconds, and with what it made."""


def tasks(
    sides: Mapping[str, Ours],
    their: peer.Peer | None,
    rows: set[str],
    folder: Path,
    references: tuple[int, ...],
) -> Iterator[tuple[str, Task]]:
    """What is timed, in the order of one round: each of ours follows its counterpart."""
    text, all_texts = xtts_vocabulary.SENTENCE, list(xtts_vocabulary.SENTENCES)

    def ask(task: str, **how: Any) -> Task:
        assert their
        return lambda codes: their.ask(task, **({"codes": codes} | how))

    def bare(task: str, **how: Any) -> Task:
        assert their
        return lambda _: their.ask(task, **how)

    plain = sides["float32"]
    if rows & {"decode", "low", "batch", "parts"}:
        if their:
            yield "peer greedy", ask("decode", text=text)
        yield "float32 greedy", lambda codes: plain.decode(text, codes)
    if "decode" in rows:
        if their:
            yield "peer sampled", ask("decode", text=text, sample=True)
        yield "float32 sampled", lambda codes: plain.decode(text, codes, sample=True)
    if "low" in rows:
        for name in PRECISIONS[1:]:
            yield f"{name} greedy", lambda codes, side=sides[name]: side.decode(text, codes)
    if "batch" in rows:
        yield "float32 batch", lambda codes: plain.batch(all_texts, codes)
        yield "float32 after batch", lambda _: plain.decode(text, 1, known=True)
    if "parts" in rows:
        if their:
            yield "peer vocoder", bare("vocode")
        states = folder / "peer_states.npy"  # of the last decoding, so before the prefill alone
        yield "float32 vocoder", lambda codes: plain.vocode(states if their else None, codes)
        if their:
            yield "peer prefill", lambda _: their.ask("decode", text=text, codes=1)
        yield "float32 known voice", lambda _: plain.decode(text, 1, known=True)
        for seconds in references:
            file = str(recording(folder, seconds))
            if their:
                yield f"peer condition {seconds} s", bare("condition", file=file)
            yield f"float32 condition {seconds} s", lambda _, file=file: plain.condition(file)
    if "stream" in rows:
        if their:
            yield "peer stream", ask("stream", text=text)
        for name in ("float32", "int8"):
            yield f"{name} stream", lambda codes, side=sides[name]: side.stream(text, codes)
        yield "float32 stream known", lambda codes: plain.stream(text, codes, known=True)
    if "speak" in rows:
        for how, sample in (("greedy", False), ("sampled", True)):
            if their:
                yield f"peer speak {how}", ask("speak", text=text, sample=sample)
            for name in ("float32", "int8"):
                yield (
                    f"{name} speak {how}",
                    lambda codes, side=sides[name], sample=sample: side.speak(text, codes, sample),
                )


def recording(folder: Path, seconds: int) -> Path:
    """Noise whose loudness changes like that of syllables, npy, 22,050 Hz."""
    file = folder / f"reference_{seconds}.npy"
    times = np.arange(22050 * seconds) / 22050
    noise = np.random.default_rng(seconds).standard_normal(times.size)
    np.save(file, (0.1 * noise * (1 + np.sin(8 * np.pi * times))).astype(np.float32))
    return file


def measure(
    options: argparse.Namespace, folder: Path, their: peer.Peer | None, rows: set[str]
) -> Seen:
    names = ["float32"]
    names += ["bfloat16"] if "low" in rows else []
    names += ["int8"] if rows & {"low", "stream", "speak"} else []
    sides = {name: Ours(folder, name) for name in names}
    references = REFERENCES[:1] if options.toy else REFERENCES
    work = list(tasks(sides, their, rows, folder, references))
    seen = Seen(codes=options.codes)
    for number in range(options.rounds + 1):
        for name, task in work:
            answer = task(options.codes if number else min(options.codes, WARM_CODES))
            time.sleep(peer.PAUSE_S)
            if number:
                seen.add(name, answer)
                progress(f"round {number}: {name}, {answer['seconds']:.2f} s")
    compare(seen, sides, folder)
    return seen


def progress(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def memory(options: argparse.Namespace, folder: Path, seen: Seen) -> None:
    """One fresh process per figure: it loads, speaks the sentence and says its largest size."""
    seen.memory["weights"] = (folder / "model.pth").stat().st_size
    for name in ("float32", "int8"):
        seen.memory[name] = memory_of(folder, name, options.codes, options.threads)
    if options.peer:
        fresh = peer.Peer(options.peer, "xtts_peer.py")
        try:
            fresh.ask("load", folder=str(folder), threads=options.threads)
            fresh.ask("speak", text=xtts_vocabulary.SENTENCE, codes=options.codes)
            seen.memory["peer"] = fresh.ask("memory")["peak"]
        finally:
            fresh.close()


def run(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    sizes = xtts_checkpoint.TOY if options.toy else xtts_checkpoint.FULL
    xtts_checkpoint.write(folder, sizes)
    rows = set(options.rows)
    timed = rows - {"memory", "floor"}
    seen, about = Seen(codes=options.codes), {}
    their = peer.Peer(options.peer, "xtts_peer.py") if options.peer and timed else None
    try:
        if their:
            about = their.ask("load", folder=str(folder), threads=options.threads)
        if timed:
            seen = measure(options, folder, their, timed)
    finally:
        if their:
            their.close()
    if rows & {"floor", "decode", "low"}:
        seen.floor = floor(sizes)
    if "memory" in rows:
        memory(options, folder, seen)
    return {
        "rows": xtts_rows.table(seen),
        "seconds": seen.seconds,
        "floor": seen.floor,
        "machine": {
            "processor": processor(),
            "threads": options.threads,
            "torch": torch.__version__,
            "peer": about,
            "toy": options.toy,
            "codes": options.codes,
            "rounds": options.rounds,
        },
    }


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", help="the interpreter that has coqui-tts")
    parser.add_argument("--json", type=Path, help="file for the results")
    parser.add_argument("--rows", nargs="+", default=xtts_rows.GROUPS, choices=xtts_rows.GROUPS)
    parser.add_argument("--rounds", type=int, default=0, help="odd; 3, of the toy 1")
    parser.add_argument("--codes", type=int, default=0, help="120; of the toy 16")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="keeps the checkpoint (1.9 GB) for next time")
    parser.add_argument("--toy", action="store_true", help="small, to see that everything runs")
    options = parser.parse_args()
    options.codes = options.codes or (16 if options.toy else 120)
    options.rounds = options.rounds or (1 if options.toy else 3)
    if options.rounds % 2 == 0:
        parser.error("--rounds must be odd: a median is one of the rounds.")
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as temporary:
        result = run(options, options.folder or Path(temporary))
    print(xtts_rows.shown(result["rows"]))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
