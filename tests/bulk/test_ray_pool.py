"""What the pool does when actors fall silent, come back, or are lost, with a Ray that obeys."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from vivavoce.bulk import ray_pool
from vivavoce.bulk.work import Batch, BulkItem, Loading, Manner


class ActorLost(Exception):
    pass


class Reference:
    """Of a call of an actor: answered when the actor comes to it, an error once it is lost."""

    def __init__(self, actor, name, arguments):
        self.actor, self.name, self.arguments = actor, name, arguments

    @property
    def ready(self):
        return self.actor.lost or (not self.actor.stopped and self.name not in self.actor.slow)

    def value(self):
        if self.actor.lost:
            raise ActorLost
        if self.name == "hello":
            return {"facts": {"model": "x"}, "device": "cpu", "machine": self.actor.name}
        if self.name == "speak":
            items = self.arguments[0]["items"]
            return [{"id": i["id"], "worker": self.actor.name, "warnings": []} for i in items]
        return None


class Method:
    def __init__(self, actor, name):
        self.actor, self.name = actor, name

    def options(self, **_):
        return self

    def remote(self, *arguments):
        return Reference(self.actor, self.name, arguments)


class Actor:
    def __init__(self, number):
        self.name, self.lost, self.stopped, self.slow = str(number), False, False, set()
        for name in ("hello", "speak", "alive"):
            setattr(self, name, Method(self, name))


class FakeRay:
    """A cluster with room for `room` actors."""

    exceptions = SimpleNamespace(RayActorError=ActorLost)

    def __init__(self, room):
        self.room, self.actors, self.killed = room, [], []

    def is_initialized(self):
        return True

    def remote(self, **_):
        return lambda _: SimpleNamespace(remote=self._begun)

    def _begun(self, *_):
        self.actors.append(Actor(len(self.actors)))
        if len(self.actors) > self.room:
            self.actors[-1].slow = {"hello"}
        return self.actors[-1]

    def wait(self, references, num_returns=1, timeout=0.0):
        done = [each for each in references if each.ready][:num_returns]
        return done, [each for each in references if each not in done]

    def get(self, reference):
        return reference.value()

    def kill(self, actor):
        self.killed.append(actor.name)


@pytest.fixture
def begun(monkeypatch):
    """A pool of so many actors, and their cluster."""
    monkeypatch.setattr(ray_pool, "PULSE_S", 0.0)
    monkeypatch.setattr(ray_pool, "SILENT_S", 0.02)

    def make(count, room=9):
        cluster = FakeRay(room)
        monkeypatch.setitem(sys.modules, "ray", cluster)
        pool = ray_pool.RayPool("auto", count, Loading(), Manner(), "out")
        while len(pool._ready) < min(count, room):
            pool._look()
        return pool, cluster

    return make


def batch(number):
    return Batch(number, (BulkItem(f"i{number}", "Words."),))


def answers(pool):
    """Every answer until the pool has nothing to do, by the batch's number."""
    found = []
    while pool._flying or pool._orphans:
        found += [(a.batch.number, a.rows and a.rows[0].worker) for a in pool.wait()]
    return sorted(found)


def held_by_two(begun):
    """A pool of two actors that both have batch 0: the first is silent, the second slow."""
    pool, cluster = begun(2, room=2)
    first, second = cluster.actors[:2]
    first.stopped, second.slow = True, {"speak"}
    pool.submit(batch(0))
    while len(pool._flying) < 2:
        assert pool._look() == []
    return pool, cluster


def test_a_silent_actor_s_batches_go_to_another_and_come_once(begun):
    pool, cluster = begun(2, room=2)
    silent = cluster.actors[0]
    silent.stopped = True
    for number in range(4):
        pool.submit(batch(number))
    assert answers(pool) == [(0, "1"), (1, "1"), (2, "1"), (3, "1")]
    silent.stopped = False
    while len(pool._ready) < 2:
        assert pool._look() == []
    pool.submit(batch(4))
    assert answers(pool) == [(4, "0")]


def test_the_first_answer_of_two_counts(begun):
    pool, cluster = held_by_two(begun)
    first, second = cluster.actors[:2]
    first.stopped = False
    assert answers(pool) == [(0, "0")]
    second.slow = set()
    for _ in range(4):
        assert pool._look() == []


def test_an_actor_that_only_takes_long_keeps_its_batch(begun):
    pool, cluster = begun(1)
    cluster.actors[0].slow = {"speak"}
    pool.submit(batch(0))
    for _ in range(50_000):
        assert pool._look() == []
    assert len(pool._flying) == 1
    assert len(cluster.actors) == 1


def test_of_a_lost_actor_the_batch_it_spoke_is_to_blame_and_not_the_next(begun):
    pool, cluster = begun(1)
    cluster.actors[0].slow = {"speak"}
    pool.submit(batch(0))
    pool.submit(batch(1))
    cluster.actors[0].lost = True
    assert answers(pool) == [(0, None), (1, "1")]
    assert cluster.killed == ["0"]


def test_a_loss_blames_no_batch_that_another_has_too(begun):
    pool, cluster = held_by_two(begun)
    first, second = cluster.actors[:2]
    first.lost = True
    while first.name not in cluster.killed:
        assert pool._look() == []
    second.slow = set()
    assert answers(pool) == [(0, "1")]


def test_with_all_actors_silent_new_ones_are_asked_for_and_take_over(begun):
    pool, cluster = begun(2)
    for actor in cluster.actors:
        actor.stopped = True
    for number in range(3):
        pool.submit(batch(number))
    assert {worker for _, worker in answers(pool)} <= {"2", "3"}
    pool.close()
    assert cluster.killed == ["0", "1", "2", "3"]
