from __future__ import annotations

import pytest

from mpsaudit.versions import FAULTS, check_macos, faults, number
from vivavoce.errors import UsageError


def texts(torch, macos):
    return " ".join(fault.text for fault in faults(torch, macos))


@pytest.mark.parametrize(
    ("version", "parts"),
    [
        ("2.13.0+cpu", (2, 13, 0)),
        ("2.16.0a0+git1", (2, 16, 0)),
        ("15.5", (15, 5, 0)),
        ("14", (14, 0, 0)),
    ],
)
def test_numbers(version, parts):
    assert number(version) == parts


def test_versions_compare_as_numbers_not_as_text():
    assert number("2.9.1") < number("2.10.0")
    assert number("15.0") == number("15") < number("15.1")


@pytest.mark.parametrize("version", ["", "sequoia", "v2.8", ".5"])
def test_what_is_no_version(version):
    with pytest.raises(UsageError, match="not a version"):
        number(version)


@pytest.mark.parametrize("version", ["11.7", "16.0", "99", "sequoia", "15.5 beta", "15.5.1.2"])
def test_an_unknown_macos_names_the_known(version):
    with pytest.raises(UsageError, match="12, 13, 14, 15, 26, 27"):
        check_macos(version)


def test_a_known_macos_is_returned():
    assert [check_macos(v) for v in ("14", "14.4", "15.5", "26.3.1")] == [
        *("14", "14.4", "15.5", "26.3.1")
    ]


@pytest.mark.parametrize(
    ("torch", "macos", "said", "unsaid"),
    [
        ("2.13.0", "15.5", "", "exceeds 65,536"),
        ("2.13.0", "15.0", "exceeds 65,536", "needs torch 2.8"),
        ("2.13.0", "14.4", "exceeds 65,536", "not available"),
        ("2.5.1", "15.5", "exceeds 65,536", "gives wrong numbers"),
        ("2.4.1", "15.5", "output channels gives wrong numbers", "exceeds 65,536"),
        ("2.5.1", "15.5", "torch.stft ends the process", "FFT"),
        ("2.5.1", "15.5", "unfold_backward", "macOS 26"),
        ("2.6.0", "15.5", "needs torch 2.8", "unfold_backward"),
        ("2.8.0+cpu", "13.6", "before macOS 14", "needs torch"),
        ("2.9.1", "13.6", "need macOS 14.0", "before macOS 14"),
        ("2.15.0", "14.4", "needs macOS 15.0", "svd"),
        ("2.13.0", "26.1", "MPSGraph", "Conv3d"),
        ("2.13.0", "26.2", "Conv3d", "macOS 27"),
        ("2.13.0", "26.3", "MPSGraph", "Conv3d"),
        ("2.12.1", "27.0", "corrupted", "MPSGraph"),
        ("2.13.0", "14.7", "virtual machine", "MPSGraph"),
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
    assert seen == set(FAULTS)
    for fault in FAULTS:
        assert fault.text.endswith(".")
        assert fault.advice.endswith(".")
        assert fault.source
