"""The loop of bulk work: what is missing goes to workers, what they did is noted. Exactly once."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from vivavoce import __version__, files
from vivavoce.bulk import items as reading
from vivavoce.bulk import ledger as notes
from vivavoce.bulk import places
from vivavoce.bulk.ledger import Known, Ledger
from vivavoce.bulk.planning import Shard, batches
from vivavoce.bulk.work import (
    Answer,
    Batch,
    BulkItem,
    BulkRow,
    Hello,
    Manner,
    OnRow,
    Pool,
    Wrong,
    manner_of,
)
from vivavoce.speech.store import key_of

REPEATS = 2
"""A batch that has lost so many workers is spoken item by item; an item alone is an error."""


@dataclass
class Bulk:
    """What `run` has done. `spoken` counts the items of this call, `done` those of all calls.

    `seconds` are those of the audio of this call, `took_s` what it took.
    """

    items: int = 0
    done: int = 0
    spoken: int = 0
    failed: int = 0
    wrong: int = 0
    seconds: float = 0.0
    took_s: float = 0.0
    workers: int = 1
    device: str = ""
    facts: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """As plain data, for JSON. `rtf` is the time that a second of audio took."""
        table = asdict(self) | {"vivavoce": __version__}
        rtf = self.took_s / self.seconds if self.seconds else None
        return table | {"rtf": rtf and round(rtf, 4), "hours": round(self.seconds / 3600, 4)}


class Driver:
    """A list, its ledger and its workers. `made` is what it has done so far."""

    def __init__(
        self,
        source: str | Path,
        place: places.Place,
        ledger: Ledger,
        pool: Pool,
        manner: Manner,
        shard: Shard,
        made: Bulk,
        on_row: OnRow | None,
    ) -> None:
        self.source, self.place, self.ledger, self.pool = source, place, ledger, pool
        self.manner, self.shard = manner, shard
        self.made, self.on_row = made, on_row
        self.content = cache(_content)  # for this run: files may change until the next
        self.kept: dict[str, Known] = {}
        self.deaths: dict[int, int] = {}
        self.again: deque[Batch] = deque()

    def key(self, item: BulkItem) -> str:
        return key_of_item(item, self.manner, self.pool.hello, self.content)

    def begin(self, wrong: list[Wrong], retry: bool, verify: bool) -> None:
        """Finds out what is done, and writes it down anew."""
        known = self.ledger.known()
        for item in good(self.source, self.shard):
            earlier = known.get(item.id)
            if earlier is None:
                continue
            key = self.key(item)
            failed = earlier.failed and earlier.key == key and not retry
            if failed or notes.stands(earlier, key, self.place, verify):
                self.kept[item.id] = earlier
        self.ledger.begin(self.kept, wrong)
        self.made.done = sum(not each.failed for each in self.kept.values())
        self.made.failed = sum(each.failed for each in self.kept.values())

    def drive(self) -> None:
        """Interrupted, it lets the batches in flight end; interrupted again it ends at once."""
        missing = self._missing()
        try:
            while True:
                batch = self.again.popleft() if self.again else next(missing, None)
                if batch is not None:
                    self.pool.submit(batch)
                elif not self.pool.busy:
                    return
                while self.pool.full or (self.pool.busy and batch is None and not self.again):
                    self._settle()
        except BaseException as error:
            while not isinstance(error, Exception) and self.pool.busy:
                self._settle()
            raise

    def _settle(self) -> None:
        """Takes what the workers have to say."""
        for answer in self.pool.wait():
            items = {item.id: item for item in answer.batch.items}
            for row in self._settled(answer):
                self._note(row, self.key(items[row.id]))

    def _note(self, row: BulkRow, key: str) -> None:
        self.ledger.add(row, key)
        made = self.made
        made.done, made.failed = made.done + (not row.failed), made.failed + row.failed
        made.spoken, made.seconds = made.spoken + (not row.failed), made.seconds + row.seconds
        if self.on_row is not None:
            self.on_row(made.done + made.failed, made.items, row)

    def _missing(self) -> Iterator[Batch]:
        """Batches of the plan with an item that is not done. They are spoken whole: so a result
        does not depend on where a run was interrupted.
        """
        for batch in batches(good(self.source, self.shard), self.manner.rows):
            done = tuple(item.id for item in batch.items if item.id in self.kept)
            if len(done) < len(batch.items):
                yield replace(batch, done=done)

    def _settled(self, answer: Answer) -> tuple[BulkRow, ...]:
        """The rows; none where the batch is to be spoken again."""
        batch = answer.batch
        if answer.rows is not None:
            alone = batch.number in self.deaths and self.deaths[batch.number] >= REPEATS
            return tuple(replace(r, split=1) for r in answer.rows) if alone else answer.rows
        self.deaths[batch.number] = self.deaths.get(batch.number, 0) + 1
        if self.deaths[batch.number] < REPEATS:
            self.again.append(batch)
        elif len(batch.items) > 1:
            wanted = (item for item in batch.items if item.id not in batch.done)
            self.again.extend(Batch(batch.number, (item,)) for item in wanted)
        else:
            reason = "It ended the worker that was speaking it."
            return tuple(BulkRow(i.id, kind="WorkerLost", reason=reason) for i in batch.items)
        return ()

    def end(self, folder: Path) -> None:
        """The manifest in the list's order, a summary, and copies of the notes at an address."""
        suffix, made = self.shard.suffix, self.made
        made.seconds = round(made.seconds, 3)
        known = self.ledger.known()
        lines = []
        for item in good(self.source, self.shard):
            if item.id in known:
                table = known[item.id].table
                kept = ("file", "seconds", "sha256", "warnings", "kind", "reason")
                entry = {"id": item.id, "text": item.text}
                entry |= {name: table[name] for name in kept if name in table}
                lines.append(json.dumps(entry, ensure_ascii=False) + "\n")
        files.write_text(folder / f"manifest{suffix}.jsonl", "".join(lines))
        summary = made.as_dict() | {"manner": asdict(self.manner)}
        files.write_text(folder / f"summary{suffix}.json", json.dumps(summary, indent=1) + "\n")
        if isinstance(self.place, places.UrlPlace):
            for name in ("results.jsonl", "errors.jsonl", "manifest.jsonl", "summary.json"):
                own = name.replace(".", f"{suffix}.", 1)
                self.place.write(own, (folder / own).read_bytes())


def good(source: str | Path, shard: Shard) -> Iterator[BulkItem]:
    """The items of a shard, in the list's order."""
    for each in reading.read(source):
        if isinstance(each, BulkItem) and shard.holds(each.id):
            yield each


def key_of_item(item: BulkItem, manner: Manner, hello: Hello, content: Callable[[str], str]) -> str:
    """What decides the bytes of its file: the text, who speaks and how, the weights, the format.

    `content` is a digest of a file by its path.
    """
    own = manner_of(item, manner)
    facts = {
        "text": item.text,
        "out": item.out,
        "facts": hello.facts,
        "voice": [own.voice, content(own.voice), content(own.ref), own.transcript],
        "how": [own.language, own.speed, own.seed, sorted(own.options.items()), own.on_problem],
        "file": [own.format, own.sample_rate],
    }
    return key_of(facts)


def _content(name: str) -> str:
    """A digest of the file of that name, a voice or a recording; empty for a speaker."""
    path = Path(name)
    if not name or not path.is_file():
        path = saved_voice(name) if name else None
    return places.digest(path.read_bytes()) if path else ""


def saved_voice(name: str) -> Path | None:
    """The file of one of the user's voices."""
    from vivavoce.hub import paths

    path = paths.voices() / f"{name}.safetensors"
    return path if path.is_file() else None
