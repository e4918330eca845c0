"""What bulk synthesis promises, shown on this machine.

  python -m benchmarks.bulk                                      # 2,000 lines, a toy model
  python -m benchmarks.bulk --only kills --scale 1               # 10,000 lines
  python -m benchmarks.bulk --only workers --model linnet        # the bundled voice
  python -m benchmarks.bulk --only ray                           # needs vivavoce[ray]

kills    ended by SIGKILL ten times, one line of a hundred is wrong: every good line once
same     one or two workers, two shards: the same bytes
batches  padding, and what batches of eight save
workers  two processes beside one, in turn
ray      a node or its worker is killed, or hangs: nothing is lost, and how long nothing comes
Exit 1 if something does not hold.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.novels import WORDS, paragraph
from benchmarks.processes import digest, run, toy, written
from vivavoce import bulk
from vivavoce.bulk import items as lists
from vivavoce.bulk.planning import batches

ITEMS, KILLS, WRONG_SHARE = 10_000, 10, 100
BAD_LINES = ("not json", '{"id": "x"}', '{"text": 1}', '{"text": "a", "speed": -1}', "[]")
MORE_WITH_TWO, MORE_WITH_ROWS, MOST_PADDING, MOST_STALL_S = 1.7, 1.2, 0.15, 15.0


def short_lines(path: Path, count: int, wrong: int = 0) -> Path:
    """`count` lines of three words; every `wrong`th is no good line."""
    draw, found = random.Random(count), []
    for number in range(1, count + 1):
        if wrong and number % wrong == 0:
            found.append(BAD_LINES[number // wrong % len(BAD_LINES)])
            continue
        text = f"{draw.choice(WORDS['p'].split())} was {draw.choice(WORDS['a'].split())}."
        found.append(json.dumps({"id": f"n{number:05}", "text": text}))
    path.write_text("\n".join(found) + "\n")
    return path


def sentences(path: Path, count: int) -> Path:
    """One or two sentences each."""
    draw = random.Random(count)
    rows = [{"id": f"s{n:05}", "text": paragraph(draw, draw.randint(1, 2))} for n in range(count)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def audio(folder: Path) -> dict[str, str]:
    return {path.name: digest(path) for path in sorted(folder.glob("*.flac"))}


def kills(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    count = round(ITEMS * given.scale)
    source, out = short_lines(folder / "kills.jsonl", count, WRONG_SHARE), folder / "kills"
    command = ["bulk", str(source), "-m", given.model, "--json", "-o"]
    run([*command, str(folder / "whole")])
    size = (folder / "whole" / "results.jsonl").stat().st_size
    draw, done, rewritten, before = random.Random(given.seed), [], 0, {}
    for number in range(KILLS):
        wanted = size * (number + draw.uniform(0.2, 1.0)) / (KILLS + 1)
        ended = run([*command, str(out)], kill_when=lambda _, n=wanted: size_of(out) > n)
        if ended.code != -signal.SIGKILL:
            raise SystemExit(f"It ended before it was killed: use a larger --scale.\n{ended.said}")
        done.append(sum(1 for _ in out.glob("*.flac")))
        now = {path: path.stat().st_mtime_ns for path in out.glob("*.flac")}
        rewritten += sum(now[path] != at for path, at in before.items())
        noted = {row["file"] for row in whole_rows(out / "results.jsonl")}
        before = {path: at for path, at in now.items() if path.name in noted}
    last = run([*command, str(out)])
    results, errors = rows(out / "results.jsonl"), rows(out / "errors.jsonl")
    good = [each for each in lists.read(source) if isinstance(each, bulk.BulkItem)]
    once = Counter(row["id"] for row in results) == Counter(item.id for item in good)
    lines = sorted(row["line"] for row in errors)
    wrong = lines == [n for n in range(1, count + 1) if n % WRONG_SHARE == 0]
    same = audio(out) == audio(folder / "whole")
    return {
        "lines": count,
        "wrong": len(errors),
        "files_at_kills": done,
        "rewritten": rewritten,
        "exit": last.code,
        "same_bytes": same,
        "holds": once and wrong and same and not rewritten,
    }


def size_of(out: Path) -> int:
    """Of what is noted as done."""
    path = out / "results.jsonl"
    return path.stat().st_size if path.exists() else 0


def whole_rows(path: Path) -> list[dict[str, Any]]:
    """Without a line that was cut off."""
    if not path.exists():
        return []
    text = path.read_text(errors="replace")
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def same(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    source = sentences(folder / "same.jsonl", 24)
    how = {"loading": bulk.Loading(given.model, threads=1, device="cpu")}
    found = {}
    for name, more in {"one": {}, "two": {"workers": 2}}.items():
        bulk.run(source, folder / name, **how, **more)
        found[name] = audio(folder / name)
    return {"items": len(found["one"]), "holds": found["one"] == found["two"] != {}}


def batches_(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Processor time per second of audio, rows of one and of eight in turn."""
    count = round(200 * given.scale) or 24
    source = sentences(folder / "rows.jsonl", max(24, count))
    loaded = engine(given.model)
    spent: dict[int, list[float]] = {1: [], 8: []}
    for turn in range(given.turns):
        for size in spent:
            begin = time.process_time()
            manner = bulk.Manner(rows=size)
            made = bulk.run(source, folder / f"rows-{size}-{turn}", manner=manner, tts=loaded)
            spent[size].append((time.process_time() - begin) / made.seconds)
    lengths = [[len(i.text) for i in b.items] for b in batches(good_items(source), 8)]
    padded = sum(max(row) * len(row) for row in lengths)
    waste = 1 - sum(map(sum, lengths)) / padded
    best = {size: min(values) for size, values in spent.items()}
    gain = best[1] / best[8]
    facts = {"cpu_s_per_s": best, "gain": gain, "padding": waste}
    return facts | {"holds": gain >= MORE_WITH_ROWS and waste <= MOST_PADDING}


def good_items(source: Path) -> list[bulk.BulkItem]:
    return [each for each in lists.read(source) if isinstance(each, bulk.BulkItem)]


def engine(model: str) -> Any:
    from vivavoce.speech.load import load

    return load(model, device="cpu")


def workers(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Characters a second from the first row of the last worker on: loading does not count."""
    source = sentences(folder / "workers.jsonl", max(24, round(400 * given.scale)))
    lengths = {item.id: len(item.text) for item in good_items(source)}
    rates: dict[int, list[float]] = {1: [], 2: []}
    for turn in range(given.turns):
        for count in rates:
            heard: list[tuple[float, int, str]] = []

            def on_row(done: int, total: int, row: Any, heard: list[Any] = heard) -> None:
                heard.append((time.monotonic(), lengths[row.id], row.worker))

            loading = bulk.Loading(given.model, threads=1, device="cpu")
            out, manner = folder / f"workers-{count}-{turn}", bulk.Manner(rows=1)
            bulk.run(source, out, loading=loading, manner=manner, workers=count, on_row=on_row)
            rates[count].append(rate_of(heard))
    gain = max(rates[2]) / max(rates[1])
    return {"characters_per_s": rates, "gain": gain, "holds": gain >= MORE_WITH_TWO}


def rate_of(heard: list[tuple[float, int, str]]) -> float:
    """From when every worker has answered."""
    names = [name for _, _, name in heard]
    begin = max(names.index(name) for name in set(names))
    return sum(n for _, n, _ in heard[begin + 1 :]) / (heard[-1][0] - heard[begin][0])


def ray(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Two nodes with Ray's own settings, once a worker of each."""
    source = sentences(folder / "ray.jsonl", max(24, round(400 * given.scale)))
    loading, manner = bulk.Loading(given.model, threads=1, device="cpu"), bulk.Manner(rows=2)
    bulk.run(source, folder / "ray-one", loading=loading, manner=manner)
    found: dict[str, Any] = {}
    for name in ("raylet killed", "node killed", "worker stopped", "node stopped"):
        out = folder / name.replace(" ", "-")
        found[name] = without_a_node(source, out, loading, manner, name)
        found[name]["same_bytes"] = audio(folder / "ray-one") == audio(out)
    holds = all(
        row["same_bytes"] and row["once"] and row["longest_gap_s"] <= MOST_STALL_S
        for row in found.values()
    )
    return found | {"holds": holds}


def without_a_node(
    source: Path, out: Path, loading: bulk.Loading, manner: bulk.Manner, fault: str
) -> dict[str, Any]:
    """A node's raylet, its worker or both get SIGKILL or SIGSTOP once both workers have spoken."""
    import ray as cluster_of
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 80 << 20}
    sign = signal.SIGKILL if "killed" in fault else signal.SIGSTOP
    times: list[float] = []
    struck: list[int] = []
    seen: set[str] = set()
    made = Cluster(initialize_head=True, head_node_args=node | {"include_dashboard": False})
    try:
        raylet = made.add_node(**node).all_processes["raylet"][0].process.pid

        def on_row(done: int, total: int, row: Any) -> None:
            times.append(time.monotonic())
            seen.add(row.worker)
            if len(seen) > 1 and not struck:
                its = [int(name) for name in sorted(seen) if parent(int(name)) == raylet]
                struck.extend([raylet] * ("worker" not in fault) + its * ("raylet" not in fault))
                struck.append(len(times))
                for pid in struck[:-1]:
                    os.kill(pid, sign)

        how = {"workers": 2, "ray": made.address, "on_row": on_row}
        result = bulk.run(source, out, loading=loading, manner=manner, **how)
    finally:
        for pid in struck[:-1]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        cluster_of.shutdown()
        made.shutdown()
    ids = Counter(row["id"] for row in rows(out / "results.jsonl"))
    gaps = [b - a for a, b in pairwise(times[struck[-1] - 1 :])]
    once = set(ids.values()) == {1} and len(ids) == result.items
    facts = {"items": result.items, "done": result.done, "longest_gap_s": max(gaps)}
    return facts | {"once": once}


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


SECTIONS: dict[str, Callable[[Path, argparse.Namespace], dict[str, Any]]] = {
    "kills": kills,
    "same": same,
    "batches": batches_,
    "workers": workers,
    "ray": ray,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    without_ray = [name for name in SECTIONS if name != "ray"]
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=without_ray)
    parser.add_argument("--model", help="a toy with random weights by default")
    parser.add_argument("--scale", type=float, default=0.2, help="1 is 10,000 lines")
    parser.add_argument("--turns", type=int, default=3, help="of what is timed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        given.model = given.model or toy(folder)
        found = {name: SECTIONS[name](folder, given) for name in given.only}
    written(found | {"load": os.getloadavg()[0]}, given.json)
    return 0 if all(each["holds"] for each in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
