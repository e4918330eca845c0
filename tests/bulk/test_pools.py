"""Workers in processes of their own, which may die."""

from __future__ import annotations

import os
import signal

import pytest

from tests.bulk.lists import audio, lines, numbered, read
from tests.tiny import tiny_folders
from vivavoce.bulk import Loading, Manner, run
from vivavoce.bulk.ledger import Ledger
from vivavoce.bulk.pools import ProcessPool, same
from vivavoce.bulk.work import Batch, BulkItem, Hello
from vivavoce.errors import UnknownModel, UsageError, WorkerLost

MANNER = Manner("wav", rows=2)


@pytest.fixture(scope="module")
def loading(tmp_path_factory):
    model, _ = tiny_folders(tmp_path_factory.mktemp("model"), n_speakers=2)
    return Loading(str(model), threads=1, device="cpu")


@pytest.mark.slow
def test_two_processes_make_what_one_makes_though_one_is_killed(loading, tmp_path):
    path = numbered(tmp_path / "x.jsonl", 8)
    killed = []

    def on_row(done, total, row):
        if not killed:
            killed.append(int(row.worker))
            os.kill(int(row.worker), signal.SIGKILL)

    run(path, tmp_path / "one", loading=loading, manner=MANNER)
    made = run(path, tmp_path / "two", loading=loading, manner=MANNER, workers=2, on_row=on_row)
    assert made.done == 8
    assert audio(tmp_path / "one") == audio(tmp_path / "two")
    results = read(tmp_path / "two" / "results.jsonl")
    assert len({row["id"] for row in results}) == len(results) == 8
    assert str(os.getpid()) not in {row["worker"] for row in results}


@pytest.mark.slow
def test_a_model_that_is_not_there_is_an_error_of_its_type(tmp_path):
    with pytest.raises(UnknownModel, match="no-such-model"):
        ProcessPool(1, Loading("no-such-model"), MANNER, str(tmp_path), ("cpu",))


def test_the_workers_have_to_be_alike():
    one = Hello({"version": "1", "model": "a"}, "cpu")
    assert same(Hello({}, ""), one) is one
    assert same(one, Hello({"version": "1", "model": "a"}, "cuda")) is one
    with pytest.raises(UsageError, match="differ in model"):
        same(one, Hello({"version": "1", "model": "b"}, "cpu"))


def test_a_worker_that_cannot_begin_ends_the_work(loading, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(WorkerLost, match="exit code 1"):
        ProcessPool(1, loading, MANNER, str(tmp_path), ("cpu",))


class DeadlyPool:
    """Loses its worker whenever the item `poison` is in a batch."""

    hello = Hello({"model": "x"}, "cpu")

    def __init__(self, worker):
        self._worker, self._waiting = worker, []
        self.deaths = 0

    def submit(self, batch):
        self._waiting.append(batch)

    @property
    def full(self):
        return bool(self._waiting)

    busy = full

    def wait(self):
        from vivavoce.bulk.work import Answer

        batch = self._waiting.pop()
        if any(item.id == "poison" for item in batch.items):
            self.deaths += 1
            return [Answer(batch, None)]
        return [Answer(batch, self._worker(batch))]


class PatientPool:
    """Has up to two batches waiting."""

    hello = Hello({"model": "x"}, "cpu")

    def __init__(self):
        self._waiting = []

    def submit(self, batch):
        self._waiting.append(batch)

    @property
    def full(self):
        return len(self._waiting) >= 2

    @property
    def busy(self):
        return bool(self._waiting)

    def wait(self):
        from vivavoce.bulk.work import Answer, BulkRow

        batch = self._waiting.pop(0)
        return [Answer(batch, tuple(BulkRow(i.id, f"{i.out}.wav", 1.0, 4) for i in batch.items))]


def test_interrupted_it_lets_batches_in_flight_end(tmp_path):
    from vivavoce.bulk.driving import Bulk, Driver
    from vivavoce.bulk.places import find
    from vivavoce.bulk.planning import Shard

    def on_row(done, total, row):
        if done == 1:
            raise KeyboardInterrupt

    path, made = numbered(tmp_path / "x.jsonl", 9), Bulk(9)
    with Ledger(tmp_path) as ledger:
        how = find(tmp_path), ledger, PatientPool(), Manner(rows=1), Shard(), made, on_row
        driver = Driver(path, *how)
        driver.begin([], False, False)
        with pytest.raises(KeyboardInterrupt):
            driver.drive()
    assert made.done == 2
    assert len(read(tmp_path / "results.jsonl")) == 2


def test_an_item_that_kills_its_worker_is_an_error_of_this_item(tmp_path):
    from vivavoce.bulk.driving import Bulk, Driver
    from vivavoce.bulk.places import find
    from vivavoce.bulk.planning import Shard
    from vivavoce.bulk.work import BulkRow

    def speak(batch: Batch):
        return tuple(BulkRow(item.id, f"{item.out}.wav", 1.0, 4) for item in batch.items)

    tables = [{"id": name, "text": "Words."} for name in ("a", "b", "poison", "c")]
    path, pool = lines(tmp_path / "x.jsonl", tables), DeadlyPool(speak)
    made = Bulk(4)
    with Ledger(tmp_path) as ledger:
        place = find(tmp_path)
        driver = Driver(path, place, ledger, pool, Manner(rows=4), Shard(), made, None)
        driver.begin([], False, False)
        driver.drive()
        driver.end(tmp_path)
    assert (made.done, made.failed, pool.deaths) == (3, 1, 3)
    assert {row["id"]: row["split"] for row in read(tmp_path / "results.jsonl")} == {
        "a": 1,
        "b": 1,
        "c": 1,
    }
    (error,) = read(tmp_path / "errors.jsonl")
    assert (error["id"], error["kind"]) == ("poison", "WorkerLost")
    assert BulkItem("x", "y").group == ("", "", "", "", "1.0", "[]")
