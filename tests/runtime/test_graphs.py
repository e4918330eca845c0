"""What may be recorded; and, where there is such a GPU, that a recording computes anew."""

from __future__ import annotations

import gc
import time
from contextlib import contextmanager
from threading import Thread

import pytest
import torch

from tests.tolerance import assert_near
from vivavoce.runtime import graphs


@pytest.mark.parametrize(("device", "expected"), [("cuda:0", True), ("mps", False), ("cpu", False)])
def test_only_cuda_records(device, expected):
    assert graphs.records(torch.device(device)) is expected


class Cuda:
    """Stands for torch.cuda where there is none: the work runs, and what was asked is listed."""

    def __init__(self, monkeypatch):
        self.asked = []
        self.current = "outside"
        self.fails = False
        for name in ("device", "Stream", "stream", "current_stream", "CUDAGraph"):
            monkeypatch.setattr(torch.cuda, name, getattr(self, name))

    @contextmanager
    def device(self, device):
        self.asked.append(("device", device))
        yield

    def Stream(self, device):
        self.asked.append(("Stream", device))
        return Stream(device)

    @contextmanager
    def stream(self, stream):
        before, self.current = self.current, stream
        yield
        self.current = before

    def current_stream(self, device):
        return Stream(device)

    def CUDAGraph(self):
        return self

    def capture_begin(self, pool=None, capture_error_mode="global"):
        assert isinstance(self.current, Stream), "recorded on a stream of its own"
        self.asked.append(("begin", self.current.device, pool, capture_error_mode))
        assert not gc.isenabled()
        if self.fails:
            raise RuntimeError("CUDA error: operation not permitted\nmore")

    def capture_end(self):
        self.asked.append(("end",))

    def replay(self):
        self.asked.append(("replay",))


class Stream:
    def __init__(self, device):
        self.device = device

    def wait_stream(self, other):
        assert other.device == self.device


@pytest.fixture
def cuda(monkeypatch):
    return Cuda(monkeypatch)


OTHER = torch.device("meta")
"""Stands for a GPU that is not the current one: whoever does not name it gets another."""


def test_work_is_warmed_up_then_recorded_once_and_replayed_with_what_is_given(cuda):
    """The fake records nothing, so what `replay` would compute is not seen here."""
    example, worked = torch.arange(3), []
    again = graphs.recorded(lambda x: worked.append(x) or x, example, (0, 7))
    assert len(worked) == graphs.WARM_UPS + 1
    given = worked[0]
    assert given is not example
    assert all(x is given for x in worked), "the tensor that a recording reads must stay"
    found = again(torch.tensor([7, 8, 9]))
    assert found.tolist() == [7, 8, 9]
    assert cuda.asked[-3:] == [
        ("begin", torch.device("cpu"), (0, 7), "thread_local"),
        ("end",),
        ("replay",),
    ]
    assert len(worked) == graphs.WARM_UPS + 1, "no Python when it is played"
    assert example.tolist() == [0, 1, 2]
    assert gc.isenabled()


def test_everything_is_on_the_device_of_the_work(cuda):
    example = torch.zeros(3, device=OTHER)
    graphs.recorded(lambda x: x + 1, example)
    assert {asked[1] for asked in cuda.asked if len(asked) > 1} == {OTHER}
    graphs.recorded(lambda x: x + 2, example)
    assert [asked[0] for asked in cuda.asked].count("Stream") <= 1, "one stream per device"


def test_what_cannot_be_recorded_is_run_as_it_is_and_said(cuda):
    cuda.fails = True
    with pytest.warns(UserWarning, match="graphs are not.*CUDA error: operation not permitted$"):
        again = graphs.recorded(lambda x: x + 1, torch.arange(3))
    assert again(torch.tensor([5])).tolist() == [6]
    assert gc.isenabled()


def test_threads_record_one_after_the_other(cuda):
    inside, most = [], []

    def work(x):
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.001)
        inside.pop()
        return x

    threads = [Thread(target=graphs.recorded, args=(work, torch.arange(2))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert len(most) == 3 * (graphs.WARM_UPS + 1)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA here")
def test_a_recording_computes_with_what_it_is_given_anew():
    weight, kept = torch.randn(4, 4, device="cuda"), torch.zeros(2, 4, device="cuda")

    def work(x):
        kept.copy_(x)
        return kept @ weight

    again = graphs.recorded(work, torch.zeros(2, 4, device="cuda"))
    for _ in range(3):
        x = torch.randn(2, 4, device="cuda")
        assert_near(again(x), x @ weight)
        assert torch.equal(kept, x)
