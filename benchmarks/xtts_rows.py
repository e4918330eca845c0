"""What benchmarks/xtts.py saw, as rows: ours, the peer's, their ratio, what was asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import Any

GROUPS = ("decode", "low", "batch", "stream", "speak", "parts", "floor", "memory")
GB = 1e9
BATCH = 8
FREE_BYTES = 1.0e9
"""What the process may hold besides its float32 weights."""
INT8_BYTES = 1.2e9


@dataclass
class Seen:
    """Every number of every round by task and name, and what was found once."""

    codes: int
    seconds: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    last: dict[str, dict[str, Any]] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    floor: dict[str, float] = field(default_factory=dict)
    memory: dict[str, int] = field(default_factory=dict)

    def add(self, task: str, answer: dict[str, Any]) -> None:
        kept = self.seconds.setdefault(task, {})
        for name, value in answer.items():
            if isinstance(value, float):
                kept.setdefault(name, []).append(value)
        self.last[task] = answer

    def time(self, task: str, name: str = "seconds") -> float | None:
        """The median, None where nothing was timed."""
        found = self.seconds.get(task, {}).get(name)
        return median(found) if found else None

    def rate(self, task: str, codes: int) -> float | None:
        seconds = self.time(task)
        return codes / seconds if seconds else None


@dataclass(frozen=True)
class Row:
    """`asked` is a limit of the ratio: ">= 2" or "<= 0.35"; empty where nothing was asked."""

    group: str
    name: str
    unit: str
    ours: float | None
    peer: float | None = None
    asked: str = ""
    note: str = ""
    limit_of_ours: bool = False

    @property
    def ratio(self) -> float | None:
        return self.ours / self.peer if self.ours and self.peer else None

    @property
    def reached(self) -> bool | None:
        """None where there is nothing to hold it against."""
        value = self.ours if self.limit_of_ours else self.ratio
        if not self.asked or value is None:
            return None
        sign, limit = self.asked.split()
        return value >= float(limit) if sign == ">=" else value <= float(limit)

    def plain(self) -> dict[str, Any]:
        return {
            "group": self.group,
            "name": self.name,
            "unit": self.unit,
            "ours": self.ours,
            "peer": self.peer,
            "ratio": self.ratio,
            "asked": self.asked,
            "reached": self.reached,
            "note": self.note,
        }


def table(seen: Seen) -> list[dict[str, Any]]:
    """The rows for which there are numbers of ours or of the peer's."""
    parts = (_decode, _low, _batch, _stream, _speak, _parts, _floor, _memory)
    rows = [row for part in parts for row in part(seen)]
    return [row.plain() for row in rows if row.ours is not None or row.peer is not None]


def _decode(seen: Seen) -> Iterator[Row]:
    codes = seen.codes
    for how in ("greedy", "sampled"):
        yield Row(
            "decode",
            f"decode, float32, {how}",
            "codes/s",
            seen.rate(f"float32 {how}", codes),
            seen.rate(f"peer {how}", codes),
            ">= 2",
            seen.notes.get(f"float32 {how}", ""),
        )
        alone = seen.time(f"peer {how}", "generate")
        yield Row(
            "decode",
            f"decode, float32, {how}, peer without its second pass",
            "codes/s",
            seen.rate(f"float32 {how}", codes),
            codes / alone if alone else None,
        )
    yield Row("decode", "second pass", "s", None, seen.time("peer greedy", "second_pass"))


def _low(seen: Seen) -> Iterator[Row]:
    theirs = seen.rate("peer greedy", seen.codes)
    for name, asked in (("bfloat16", ""), ("int8", ">= 6")):
        ours = seen.rate(f"{name} greedy", seen.codes)
        note = seen.notes.get(name, "")
        yield Row("low", f"decode, {name}, greedy", "codes/s", ours, theirs, asked, note)


def _batch(seen: Seen) -> Iterator[Row]:
    ours = seen.rate("float32 batch", BATCH * seen.codes)
    theirs = seen.rate("peer greedy", seen.codes)
    note = seen.notes.get("batch", "")
    yield Row("batch", f"{BATCH} sentences, float32", "codes/s", ours, theirs, ">= 6", note)
    after = seen.time("float32 after batch")
    yield Row("batch", "first code of one sentence after them, voice heard before", "s", after)


def _stream(seen: Seen) -> Iterator[Row]:
    for name in ("float32", "int8"):
        first = seen.time(f"{name} stream", "first"), seen.time("peer stream", "first")
        whole = seen.time(f"{name} stream"), seen.time("peer stream")
        yield Row("stream", f"first audio, {name}", "s", *first, "<= 0.35")
        yield Row("stream", f"whole stream, {name}", "s", *whole)
    known = seen.time("float32 stream known", "first"), seen.time("peer stream", "first")
    yield Row("stream", "first audio, float32, voice heard before", "s", *known)


def _speak(seen: Seen) -> Iterator[Row]:
    for how in ("greedy", "sampled"):
        for name, asked in (("float32", "<= 0.6"), ("int8", "<= 0.35")):
            task = f"{name} speak {how}"
            times = seen.time(task), seen.time(f"peer speak {how}")
            yield Row(
                "speak", f"speak, {name}, {how}", "s", *times, asked, seen.notes.get(task, "")
            )


def _parts(seen: Seen) -> Iterator[Row]:
    prefill = seen.time("float32 greedy", "first"), seen.time("peer prefill", "generate")
    whole = seen.time("float32 greedy"), seen.time("peer greedy", "generate")
    yield Row("parts", "prefill and first code", "s", *prefill)
    known = seen.time("float32 known voice"), prefill[1]
    yield Row("parts", "the same, voice heard before", "s", *known)
    steps = [_step(a, b, seen.codes) for a, b in zip(whole, prefill, strict=True)]
    yield Row("parts", "a code after the first", "ms", *steps)
    vocoder = seen.time("float32 vocoder"), seen.time("peer vocoder")
    yield Row("parts", "HiFi-GAN", "s", *vocoder, note=seen.notes.get("float32 vocoder", ""))
    for seconds in (6, 30):
        tasks = f"float32 condition {seconds} s", f"peer condition {seconds} s"
        for part in ("latents", "embedding"):
            note = seen.notes.get(f"{part} {seconds}", "")
            times = [seen.time(task, part) for task in tasks]
            yield Row("parts", f"{part} of {seconds} s", "s", *times, note=note)


def _step(whole: float | None, first: float | None, codes: int) -> float | None:
    """Milliseconds."""
    return None if whole is None or first is None else 1e3 * (whole - first) / (codes - 1)


def _floor(seen: Seen) -> Iterator[Row]:
    """What reading the weights once per code takes, where other rows have the peer's time."""
    rate = seen.floor.get("bytes_per_s", 0.0)
    for name in ("float32", "bfloat16", "int8"):
        size, task = seen.floor.get(name), f"{name} greedy"
        step = _step(seen.time(task), seen.time(task, "first"), seen.codes)
        if not size or step is None:
            continue
        note = f"second figure: the floor, {size / GB:.3f} GB at {rate / GB:.1f} GB/s"
        title = f"a code after the first, {name}, above its floor"
        yield Row("floor", title, "ms", step, 1e3 * size / rate, note=note)


def _memory(seen: Seen) -> Iterator[Row]:
    limits = {"int8": INT8_BYTES}
    if "weights" in seen.memory:
        limits["float32"] = seen.memory["weights"] + FREE_BYTES
    for name in ("float32", "int8"):
        ours, theirs = seen.memory.get(name), seen.memory.get("peer")
        asked = f"<= {limits[name] / GB:.3f}" if name in limits else ""
        yield Row(
            "memory",
            f"peak memory, {name}",
            "GB",
            ours / GB if ours else None,
            theirs / GB if theirs else None,
            asked,
            limit_of_ours=True,
        )


def shown(rows: list[dict[str, Any]]) -> str:
    """The rows as a table of text."""
    head = f"{'':52}{'ours':>10}{'peer':>10} {'':8}{'ratio':>7}  {'asked':9}{'':8}"
    lines = [head.rstrip()]
    for row in rows:
        reached = {None: "", True: "reached", False: "missed"}[row["reached"]]
        values = "".join(_number(row[side]) for side in ("ours", "peer"))
        ratio = "" if row["ratio"] is None else f"{row['ratio']:.3f}"
        line = f"{row['name']:52}{values} {row['unit']:8}{ratio:>7}  {row['asked']:9}{reached:8}"
        lines.append(f"{line} {row['note']}".rstrip())
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return f"{'' if value is None else f'{value:.3f}':>10}"
