"""A list of texts -> one file each, in the place that was asked for, exactly once."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vivavoce.audio import formats, media
from vivavoce.bulk import items as reading
from vivavoce.bulk import places
from vivavoce.bulk.driving import Bulk, Driver
from vivavoce.bulk.ledger import Ledger
from vivavoce.bulk.planning import Shard
from vivavoce.bulk.pools import InlinePool, ProcessPool
from vivavoce.bulk.work import Loading, Manner, OnRow, Pool, Wrong
from vivavoce.errors import UsageError
from vivavoce.runtime.container import processors

if TYPE_CHECKING:
    from vivavoce.speech.engine import TTS


def run(
    source: str | Path,
    out: str | Path,
    *,
    model: str | Path | None = None,
    loading: Loading | None = None,
    manner: Manner | None = None,
    tts: TTS | None = None,
    workers: int = 1,
    ray: str | None = None,
    shard: Shard | None = None,
    retry: bool = False,
    verify: bool = False,
    strict: bool = False,
    notes_folder: str | Path | None = None,
    on_row: OnRow | None = None,
) -> Bulk:
    """Speak every line of a JSONL, CSV or TSV list into a file in `out`; resumes earlier runs.

    `out` is a folder or an fsspec address; progress is recorded in it, or in `notes_folder`
    (for an address by default beside the list). `workers` above 1 are separate processes;
    several devices in `loading.device` are separated by commas. `ray` is the address of a Ray
    cluster. If `tts` is given, it speaks in this process. `retry` repeats items that failed
    before, `verify` compares the content of existing files, `strict` does not start with an
    invalid line. `on_row` is called for every item.

    Raises UsageError, OutputError, MissingExtra, and what loading the model raises. Errors of
    single items are in errors.jsonl.
    """
    loading = loading or Loading(str(model) if model else "")
    manner, shard = manner or Manner(), shard or Shard()
    if formats.find(f"x.{manner.format}", manner.format).media:
        media.require_av()
    out = out if "://" in str(out) else Path(out).absolute()
    if manner.store:  # workers may have other working directories
        manner = replace(manner, store=str(Path(manner.store).absolute()))
    folder = Path(notes_folder) if notes_folder else _notes(source, out)
    started = time.monotonic()
    count, wrong = _checked(source, shard, strict)
    place = places.find(out)
    with Ledger(folder, shard.suffix) as ledger, ExitStack() as stack:
        pool = _pool(loading, manner, str(out), tts, workers, ray)
        stack.callback(pool.close)
        made = Bulk(count, wrong=len(wrong), workers=workers, device=pool.hello.device)
        made.facts = pool.hello.facts
        work = Driver(source, place, ledger, pool, manner, shard, made, on_row)
        work.begin(wrong, retry, verify)
        try:
            work.drive()
        finally:
            made.took_s = round(time.monotonic() - started, 3)
            work.end(folder)
    return made


def _checked(source: str | Path, shard: Shard, strict: bool) -> tuple[int, list[Wrong]]:
    """How many items there are, and the lines that are none. Raises UsageError."""
    count, wrong = 0, []
    for each in reading.read(source):
        if isinstance(each, Wrong):
            wrong.append(each)
        elif shard.holds(each.id):
            count += 1
    if strict and wrong:
        first = wrong[0]
        raise UsageError(
            f"{len(wrong)} lines of {source} are invalid; line {first.line}: {first.reason}",
            "Correct them, or leave --strict out.",
        )
    if not count and not wrong:
        raise UsageError(f"{source} holds no lines.", "Give at least one text.")
    return count, wrong if shard.number == 1 else []


def _notes(source: str | Path, out: str | Path) -> Path:
    return Path(f"{source}.notes") if "://" in str(out) else Path(out)


def _pool(
    loading: Loading, manner: Manner, out: str, tts: TTS | None, workers: int, ray: str | None
) -> Pool:
    if workers < 1:
        raise UsageError(f"workers is {workers}.", "Use 1 or more.")
    devices = tuple(loading.device.split(","))
    if ray is not None:
        from vivavoce.bulk.ray_pool import RayPool

        return RayPool(ray, workers, loading, manner, out)
    if tts is not None or (workers == 1 and len(devices) == 1):
        return InlinePool(loading, manner, out, tts)
    count = max(workers, len(devices))
    threads = loading.threads or max(1, processors() // count)
    return ProcessPool(count, replace(loading, threads=threads), manner, out, devices)
