from __future__ import annotations

import pytest

from mpsaudit.errors import UsageError
from mpsaudit.faults import all_faults, faults


def texts(torch, macos):
    return " ".join(fault.text for fault in faults(torch, macos))


@pytest.mark.parametrize(
    ("torch", "macos", "said", "unsaid"),
    [
        ("2.13.0", "15.5", "", "exceeds 65,536"),
        ("2.13.0", "15.0", "exceeds 65,536", "FFT"),
        ("2.13.0", "14.4", "exceeds 65,536", "not available"),
        ("2.5.1", "15.5", "exceeds 65,536", "gives wrong numbers"),
        ("2.4.1", "15.5", "output channels gives wrong numbers", "exceeds 65,536"),
        ("2.5.1", "15.5", "torch.stft ends the process", "FFT"),
        ("2.5.1", "15.5", "unfold_backward", "macOS 26"),
        ("2.6.0", "15.5", "svd", "unfold_backward"),
        ("2.8.0+cpu", "13.6", "before macOS 14", "not available"),
        ("2.9.1", "13.6", "need macOS 14.0", "before macOS 14"),
        ("2.15.0", "14.4", "needs macOS 15.0", "svd"),
        ("2.13.0", "26.1", "MPSGraph", "Conv3d"),
        ("2.13.0", "26.2", "Conv3d", "macOS 27"),
        ("2.13.0", "26.3", "MPSGraph", "Conv3d"),
        ("2.12.1", "27.0", "corrupted", "MPSGraph"),
        ("2.13.0", "14.7", "virtual machine", "MPSGraph"),
        ("2.12.1", "15.5", "boolean mask that differs", "1,024"),
        ("2.11.0", "15.5", "boolean mask may give wrong", "1,024"),
        ("2.10.0", "15.5", "1,024 or more keys", "not contiguous"),
        ("2.8.0", "15.5", "not contiguous", "M5"),
        ("2.12.1", "26.1", "M5", "1,024"),
        ("2.13.0", "26.1", "later positions", "M5"),
        ("2.14.1", "15.5", "Two Python threads", "later positions"),
    ],
)
def test_pairs(torch, macos, said, unsaid):
    assert said in texts(torch, macos)
    assert unsaid not in texts(torch, macos)


def test_group_norm_is_no_fault():
    """Before it had kernels (2.13) torch's Python code gave MPS a decomposition, both ways."""
    assert "group_norm" not in texts("2.8.0", "15.5")


def test_errors_come_first():
    severities = [fault.severity for fault in faults("2.5.1", "26.2")]
    assert severities == sorted(
        severities, key=["error", "silent-cpu", "wrong-number", "info"].index
    )
    assert {"error", "wrong-number"} <= set(severities)


@pytest.mark.parametrize(("torch", "macos"), [("2.2.0", "15.5"), ("2.13.0", "16.1"), ("x", "15")])
def test_pairs_that_nothing_is_known_about(torch, macos):
    with pytest.raises(UsageError):
        faults(torch, macos)


def test_every_fault_can_happen_and_is_complete():
    pairs = [
        (torch, macos)
        for torch in ("2.3.1", "2.4.1", "2.5.1", "2.7.1", "2.8.0", "2.13.0", "2.15.0")
        for macos in ("12.7", "13.6", "14.4", "15.0", "15.5", "26.2", "27.1")
    ]
    seen = {fault for pair in pairs for fault in faults(*pair)}
    assert seen == set(all_faults())
    for fault in all_faults():
        assert fault.text.endswith(".")
        assert fault.advice.endswith(".")
        assert fault.source
