"""What an audit says no to, and that it leaves nothing behind."""

from __future__ import annotations

import threading

import pytest
import torch
from torch import nn

from mpsaudit.errors import AuditError
from mpsaudit.operator_table import load
from mpsaudit.portable import trace
from tests.mpsaudit.strict_targets import compute_in_threads


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


def run_in_thread(target):
    thread = threading.Thread(target=target)
    thread.start()
    thread.join()


def test_threads_that_compute_are_refused_and_others_are_not():
    with pytest.raises(AuditError, match="threads"):
        found(lambda: run_in_thread(lambda: torch.ones(3) + 1))
    assert found(lambda: run_in_thread(lambda: None)) == []


def test_two_threads_that_compute_at_once_are_a_finding():
    (finding,) = found(lambda: compute_in_threads("cpu"))
    assert (finding.severity, finding.operator) == ("error", "(threads)")
    assert "#197805" in finding.reason
    assert "lock" in finding.advice
    assert finding.place.endswith("in steps")


def test_a_lock_around_every_step_is_no_finding():
    with pytest.raises(AuditError, match="unseen by the audit"):
        found(lambda: compute_in_threads("cpu", threading.Lock()))


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
