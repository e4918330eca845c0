"""One thread at a time on a GPU that cannot take two."""

import threading
import time

import pytest
import torch

from vivavoce.runtime import Selection
from vivavoce.runtime.turns import Turns, one_at_a_time, turn


def selection(device, engine="torch"):
    return Selection(torch.device(device), torch.float32, "", engine)


def run_together(work, count=4):
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)


def most_at_once(places):
    inside, most, lock = [], [], threading.Lock()

    def work(number):
        for _ in range(5):
            with turn(*places):
                with lock:
                    inside.append(number)
                    most.append(len(inside))
                time.sleep(0.002)
                with lock:
                    inside.remove(number)

    run_together(work)
    return max(most)


@pytest.mark.parametrize("places", [[selection("mps")], [selection("cpu", "mlx")],
                                    [selection("cpu"), selection("mps")]])  # fmt: skip
def test_one_thread_at_a_time(places):
    assert most_at_once(places) == 1


def test_where_several_threads_may_compute():
    barrier = threading.Barrier(4)

    def work(_):
        with turn(selection("cpu"), selection("cuda")):
            barrier.wait(5)

    run_together(work)
    assert not one_at_a_time(selection("cuda"))


def test_a_turn_within_a_turn_and_after_an_error():
    turns = Turns()
    with pytest.raises(ZeroDivisionError), turns.turn(), turns.turn():
        raise ZeroDivisionError
    assert not turns.mine
    with turns.turn():
        assert turns.mine


def test_giving_way_lets_those_who_wait_go_first():
    turns, order = Turns(), []

    def other(number):
        with turns.turn():
            order.append(number)

    turns.give_way()
    with turns.turn():
        threads = [threading.Thread(target=other, args=(number,)) for number in range(2)]
        for waiting, thread in enumerate(threads, 2):
            thread.start()
            while len(turns.line) < waiting:
                time.sleep(0.001)
        order.append("first")
        turns.give_way()
        order.append("again")
    for thread in threads:
        thread.join(5)
    assert order == ["first", 0, 1, "again"]
