"""First contact with a GPU: one run of at most twelve minutes that says what is right and how fast.

    python -m benchmarks.gpu_check [--budget 700] [--json FILE] [--only SECTION ...]
    python -m benchmarks.gpu_check --device cpu --toy

Models have random weights, at official size unless `--toy`. Sections come in order of value, each
with its own share of the budget and its own failure; after every number FILE has one JSON object
more, `{section, name, value, unit, spread, n, floor, expected, ok, error}`. `floor` is what the
hardware could do (from the first section's bandwidth and products) or, for errors, what is allowed;
`expected` is what was thought before anything ran on a GPU. Exit code 1 if something is not right.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from torch.utils.flop_counter import FlopCounterMode

from vivavoce.runtime import synchronise

RATES = {"bytes": 4.3e12, "bfloat16": 790e12, "float32": 50e12}
"""Of an H200, until the first section has measured: bytes read and written, products, a second."""


@dataclass(frozen=True)
class Result:
    """A number beside its floor; `ok` is None where nothing says what would be right."""

    name: str
    value: float
    unit: str
    floor: float
    expected: float | None = None
    ok: bool | None = None
    spread: float = 0.0
    n: int = 1
    error: str = ""


@dataclass
class Bench:
    """What every section needs: the device, sizes, clocks, and what the hardware could do."""

    device: torch.device
    toy: bool
    rates: dict[str, float] = field(default_factory=lambda: dict(RATES))
    ends: float = float("inf")

    @property
    def cuda(self) -> bool:
        return self.device.type == "cuda"

    @property
    def left(self) -> bool:
        """Whether the section's time is not over."""
        return time.monotonic() < self.ends

    def size(self, full: int, toy: int) -> int:
        return toy if self.toy else full

    def timed(self, work: Callable[[], object], warm_ups: int = 3, runs: int = 5) -> list[float]:
        """Seconds of each run, by the device's own clock; one warm-up and run in the toy form."""
        warm_ups, runs = (1, 1) if self.toy else (warm_ups, runs)
        for _ in range(warm_ups):
            work()
        return [self.once(work) for _ in range(runs)]

    def once(self, work: Callable[[], object]) -> float:
        """Seconds, from an idle device to an idle device."""
        synchronise(self.device)
        if not self.cuda:
            begin = time.perf_counter()
            work()
            synchronise(self.device)
            return time.perf_counter() - begin
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        work()
        end.record()
        torch.cuda.synchronize(self.device)
        return begin.elapsed_time(end) / 1000

    def speed(
        self,
        name: str,
        work: Callable[[], object],
        floor_s: float,
        *,
        unit: str = "s",
        per: float | None = None,
        expected: float | None = None,
        warm_ups: int = 3,
        runs: int = 5,
    ) -> Result:
        """The median of several runs: seconds, or with `per` so much of `unit` a second."""
        seconds = self.timed(work, warm_ups, runs)
        middle = median(seconds)
        spread = (max(seconds) - min(seconds)) / middle
        value, floor = (middle, floor_s) if per is None else (per / middle, per / floor_s)
        better = None
        if expected is not None and not self.toy:
            better = value <= expected if per is None else value >= expected
        return Result(name, value, unit, floor, expected, better, spread, len(seconds))

    def floor_s(self, work: Callable[[], object], form: str) -> float:
        """Seconds that the products of some work take at the measured rate; it runs once."""
        with FlopCounterMode(display=False) as counter:
            work()
        return max(counter.get_total_flops() / self.rates[form], 1e-9)


Section = Callable[[Bench], Iterator[Result]]


class Log:
    """Results as lines of JSON in a file, and as text for whoever waits."""

    def __init__(self, file: Path | None) -> None:
        self.file, self.wrong = file, 0
        if file is not None:
            file.write_text("", encoding="utf-8")

    def add(self, section: str, result: Result) -> None:
        self.wrong += result.ok is False or bool(result.error)
        if self.file is not None:
            line = json.dumps({"section": section, **asdict(result)}, allow_nan=False)
            with self.file.open("a", encoding="utf-8") as out:
                out.write(line + "\n")
        said = {True: "ok", False: "NOT OK", None: ""}[result.ok]
        expected = "" if result.expected is None else f", expected {result.expected:.4g}"
        print(
            f"{section:9} {result.name:46} {result.value:10.4g} {result.unit:9} "
            f"floor {result.floor:.3g}{expected} {said} {result.error}".rstrip(),
            flush=True,
        )


def run(bench: Bench, budget_s: float, log: Log, only: list[str]) -> None:
    """Every section within its seconds; a failure ends the section and no other."""
    from benchmarks.gpu_right import ceilings, correct, memory, replays, waits
    from benchmarks.gpu_speed import f5, training, vocoders, xtts

    sections: list[tuple[str, float, Section]] = [
        ("ceilings", 15, ceilings),
        ("correct", 120, correct),
        ("graphs", 60, replays),
        ("waits", 40, waits),
        ("f5", 150, f5),
        ("xtts", 130, xtts),
        ("vocoders", 50, vocoders),
        ("training", 90, training),
        ("memory", 15, memory),
    ]
    begin = time.monotonic()
    for name, seconds, section in sections:
        if only and name not in only:
            continue
        now = time.monotonic()
        bench.ends = min(now + seconds, begin + budget_s)
        try:
            if now > begin + budget_s:
                raise TimeoutError("no time is left")
            for result in section(bench):
                log.add(name, result)
        except Exception as problem:  # noqa: BLE001 - the next section may still say something
            first = (str(problem).strip() or repr(problem)).splitlines()[0]
            log.add(
                name, Result("failed", 0.0, "", 0.0, error=f"{type(problem).__name__}: {first}")
            )
        log.add(name, Result("took", time.monotonic() - now, "s", seconds))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--budget", type=float, default=700.0, metavar="SECONDS")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--toy", action="store_true")
    parser.add_argument("--only", nargs="*", default=[], metavar="SECTION")
    options = parser.parse_args(arguments)
    log = Log(options.json)
    run(Bench(torch.device(options.device), options.toy), options.budget, log, options.only)
    return int(log.wrong > 0)


if __name__ == "__main__":
    raise SystemExit(main())
