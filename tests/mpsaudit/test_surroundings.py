"""What an audit says no to, and that it leaves nothing behind."""

from __future__ import annotations

import threading

import pytest
import torch
from torch import nn

from mpsaudit.portable import trace
from mpsaudit.table import load
from vivavoce.errors import AuditError


def found(call):
    return trace(call, load("2.13.0"), ("15.5",))[0]


def test_everything_is_as_before_afterwards():
    linear, start = nn.Linear(3, 3), threading.Thread.start
    has = torch._C._dispatch_has_kernel_for_dispatch_key
    with pytest.raises(AuditError):
        found(lambda: 1 / 0)
    assert threading.Thread.start is start
    assert not has("aten::linear", "AutogradCPU")
    assert torch.backends.mha.get_fastpath_enabled()
    linear(torch.randn(2, 3)).sum().backward()


def test_work_that_fails_keeps_its_words():
    def work():
        raise ValueError("no such clip")

    with pytest.raises(AuditError, match="ValueError: no such clip") as caught:
        found(work)
    assert isinstance(caught.value.__cause__, ValueError)


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_work_that_needs_another_device(device):
    available = torch.backends.mps.is_available() or torch.cuda.is_available()
    if available:
        pytest.skip("it has that device")
    with pytest.raises(AuditError, match="another device"):
        found(lambda: torch.ones(3, device=device) + 1)


def test_threads_that_compute_are_refused_and_others_are_not():
    def run(target):
        thread = threading.Thread(target=target)
        thread.start()
        thread.join()

    with pytest.raises(AuditError, match="threads"):
        found(lambda: run(lambda: torch.ones(3) + 1))
    assert found(lambda: run(lambda: None)) == []


def test_what_is_compiled_runs_as_written():
    pytest.importorskip("torch._dynamo")
    compiled = torch.compile(lambda x: x.take(torch.tensor([0])), backend="eager")
    assert [f.operator for f in found(lambda: compiled(torch.ones(3)))] == ["aten::take"]


def test_operators_on_functions_cannot_be_looked_into():
    x = torch.ones(3)
    with pytest.raises(AuditError, match="cond"):
        found(lambda: torch.ops.higher_order.cond(True, torch.sin, torch.cos, (x,)))


def test_torch_s_long_messages_are_cut():
    def work():
        raise RuntimeError("No kernel. For these backends: [CPU]\nCPU: registered at x.cpp")

    with pytest.raises(AuditError) as caught:
        found(work)
    assert "RuntimeError: No kernel)" in str(caught.value)
    assert "registered" not in str(caught.value)
