"""What may be recorded; and, where there is such a GPU, that a recording computes anew."""

from __future__ import annotations

import pytest
import torch

from tests.tolerance import assert_near
from vivavoce.runtime import graphs


@pytest.mark.parametrize(("device", "expected"), [("cuda:0", True), ("mps", False), ("cpu", False)])
def test_only_cuda_records(device, expected):
    assert graphs.records(torch.device(device)) is expected


class Calls(list):
    """Stands for torch.cuda where there is none: the work runs, and what happened is listed."""

    def __call__(self, *_):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.append("recorded")

    def __getattr__(self, name):
        return lambda *_: self.append(name)


def test_work_is_warmed_up_then_recorded_once_and_replayed_with_what_is_given(monkeypatch):
    """The fakes record nothing, so what `replay` would compute is not seen here."""
    graph, streams, worked = Calls(), Calls(), []
    monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: graph)
    monkeypatch.setattr(torch.cuda, "graph", graph)
    for name in ("Stream", "stream", "current_stream"):
        monkeypatch.setattr(torch.cuda, name, streams)
    example = torch.arange(3)
    again = graphs.recorded(lambda x: worked.append(x) or x, example)
    assert len(worked) == graphs.WARM_UPS + 1
    given = worked[0]
    assert given is not example
    assert all(x is given for x in worked), "the tensor that a recording reads must stay"
    found = again(torch.tensor([7, 8, 9]))
    assert found.tolist() == [7, 8, 9]
    assert graph == ["recorded", "replay"]
    assert len(worked) == graphs.WARM_UPS + 1, "no Python when it is played"
    assert example.tolist() == [0, 1, 2]


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
