"""One thread where several wait for one another; a machine is played by a clock."""

from __future__ import annotations

import pytest
import torch

from vivavoce.diagnose.report import report
from vivavoce.runtime import threads
from vivavoce.runtime.threads import MIN_GAIN, ThreadChoice, choose_threads, use_measured_threads


class Machine:
    """A product takes `alone_s` with one thread and `together_s` with several."""

    def __init__(self, monkeypatch, n_threads, alone_s, together_s):
        self.now, self.n_threads, self.set = 0.0, n_threads, []
        self.seconds = {True: alone_s, False: together_s}
        self.products = 0
        for name in threads.VARIABLES:
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr(torch, "get_num_threads", lambda: self.n_threads)
        monkeypatch.setattr(torch, "set_num_threads", self.use)
        monkeypatch.setattr(torch.nn.functional, "linear", self.product)
        monkeypatch.setattr(threads.time, "perf_counter", lambda: self.now)
        monkeypatch.setattr(threads, "decided", False)
        monkeypatch.setattr(threads, "processors", lambda: n_threads)

    def use(self, n):
        self.n_threads = n
        self.set.append(n)

    def product(self, x, weight):
        self.products += 1
        self.now += self.seconds[self.n_threads == 1]


@pytest.fixture
def machine(monkeypatch):
    return lambda n, alone_s, together_s: Machine(monkeypatch, n, alone_s, together_s)


@pytest.mark.parametrize(
    ("together_s", "chosen", "reason"),
    [
        (0.55e-3, 2, "2 take 0.55 of the time of one"),
        (1e-3 * MIN_GAIN * 0.99, 2, "2 take 1.4"),
        (2e-3, 1, "one is 2.0 times as fast as 2 here"),
        (23e-3, 1, "one is 23.0 times as fast as 2 here"),
    ],
)
def test_one_thread_where_two_are_much_slower(machine, tmp_path, together_s, chosen, reason):
    here = machine(2, 1e-3, together_s)
    found = choose_threads(tmp_path)
    assert found.threads == chosen
    assert found.reason.startswith(reason)
    assert here.n_threads == 2, "measuring changes nothing"


def test_what_is_slow_beyond_doubt_is_not_measured_to_the_end(machine, tmp_path):
    here = machine(2, 1e-3, 23e-3)
    choose_threads(tmp_path)
    assert here.products == 2 * (threads.PRODUCTS + 1)


def test_a_busy_moment_is_not_kept_for_ever(machine, tmp_path):
    here = machine(2, 1e-3, 5e-3)
    assert choose_threads(tmp_path).threads == 1
    here.seconds[False] = 0.5e-3
    assert [choose_threads(tmp_path).threads for _ in range(4)] == [2, 2, 2, 2]


def test_what_enough_processes_found_is_kept(machine, tmp_path):
    here = machine(2, 1e-3, 0.5e-3)
    for _ in range(threads.ENOUGH):
        choose_threads(tmp_path)
    products = here.products
    here.seconds[False] = 5e-3
    assert choose_threads(tmp_path).threads == 2
    assert here.products == products
    found = [choose_threads(tmp_path, anew=True).threads for _ in range(threads.ENOUGH)]
    assert found == [2, 2, 1, 1, 1], "by most of the last five"


@pytest.mark.parametrize(("n", "folder"), [(1, True), (8, True), (2, False)])
def test_what_is_not_measured(machine, tmp_path, n, folder):
    here = machine(n, 1e-3, 5e-3)
    assert choose_threads(tmp_path if folder else None).threads == n
    assert here.products == 0


@pytest.mark.parametrize("name", threads.VARIABLES)
def test_the_environment_is_obeyed(machine, tmp_path, monkeypatch, name):
    here = machine(2, 1e-3, 5e-3)
    monkeypatch.setenv(name, "2")
    assert choose_threads(tmp_path) == ThreadChoice(2, f"{name} is set")
    assert here.products == 0


def test_the_first_model_decides_for_the_process(machine, tmp_path):
    here = machine(2, 1e-3, 5e-3)
    use_measured_threads(tmp_path)
    assert here.n_threads == 1
    here.n_threads = 2  # somebody else's wish
    use_measured_threads(tmp_path)
    assert here.n_threads == 2


def test_doctor_says_what_was_chosen_and_why(tmp_path, monkeypatch):
    """The number is given, for a machine that is busy now would choose another."""
    monkeypatch.setenv("OMP_NUM_THREADS", str(torch.get_num_threads()))
    facts = report("cpu", tmp_path)["cpu"]
    assert facts["threads"] == torch.get_num_threads()
    assert facts["threads_reason"] == "OMP_NUM_THREADS is set"


@pytest.mark.parametrize(
    ("own", "allowed", "chosen"), [(32, 6, 6), (32, 2, 2), (4, 1, 1), (2, 8, 2)]
)
def test_a_container_has_as_many_threads_as_processors(
    machine, tmp_path, monkeypatch, own, allowed, chosen
):
    here = machine(own, 1e-3, 0.5e-3)
    monkeypatch.setattr(threads, "processors", lambda: allowed)
    use_measured_threads(tmp_path)
    assert here.n_threads == chosen
