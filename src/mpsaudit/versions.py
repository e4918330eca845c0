"""Versions of torch and macOS, and what is known to go wrong between two of them.

Knows the pair only: not what a model does with it, and not the machine it runs on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mpsaudit.findings import SEVERITIES, Severity
from vivavoce.errors import UsageError

MACOS = ("12", "13", "14", "15", "26", "27")
"""Major releases of macOS with something known about them; any minor one may follow."""


@dataclass(frozen=True)
class Fault:
    """Something known to go wrong: `text` what and when, `advice` what to do, `source` who says so.

    `torch` and `macos` are half-open ranges: from the first version on, before the second; an
    empty string leaves that side open.
    """

    severity: Severity
    text: str
    advice: str
    source: str
    torch: tuple[str, str] = ("", "")
    macos: tuple[str, str] = ("", "")


def number(version: str) -> tuple[int, int, int]:
    """`2.13.0+cpu` as `(2, 13, 0)` and `14.4` as `(14, 4, 0)`, to be compared.

    Raises UsageError if it does not begin with numbers.
    """
    match = re.match(r"(\d+)(?:\.(\d+))?(?:\.(\d+))?", version.strip())
    if not match:
        raise UsageError(f"{version!r} is not a version.", "Write it like 2.13.0 or 15.5.")
    major, minor, patch = (int(part or 0) for part in match.groups())
    return major, minor, patch


def check_macos(version: str) -> str:
    """The version of macOS, as given; raises UsageError for one that nothing is known about."""
    if not re.fullmatch(r"\d+(\.\d+){0,2}", version) or version.split(".")[0] not in MACOS:
        raise UsageError(
            f"macOS {version!r} is unknown.", f"Known: {', '.join(MACOS)}, such as 14.4 or 15.5."
        )
    return version


def faults(torch: str, macos: str) -> tuple[Fault, ...]:
    """What is known to go wrong with this torch on this macOS, errors first.

    Raises UsageError for a torch older than any table or a macOS that nothing is known about.
    """
    release, system = number(torch), number(check_macos(macos))
    if release < number(OLDEST_TORCH):
        raise UsageError(
            f"Nothing is known about torch {torch} on macOS.", f"Known: {OLDEST_TORCH} and newer."
        )
    found = [f for f in FAULTS if _within(release, f.torch) and _within(system, f.macos)]
    return tuple(sorted(found, key=lambda fault: SEVERITIES.index(fault.severity)))


def _within(version: tuple[int, int, int], span: tuple[str, str]) -> bool:
    first, end = span
    return (not first or version >= number(first)) and (not end or version < number(end))


OLDEST_TORCH = "2.3"
PYTORCH = "github.com/pytorch/pytorch"
BUILDS = "read from the macOS builds of torch"
UPGRADE = "Install torch 2.8 or newer."
SPLIT = "Upgrade macOS to 15.1 or newer, or cut long inputs in time."

FAULTS: tuple[Fault, ...] = (
    # torch alone
    Fault("error", "vivavoce needs torch 2.8 or newer.", UPGRADE, "pyproject.toml", ("", "2.8")),
    Fault(
        "error",
        "torch.istft and the gradient of unfold fail: unfold_backward has no kernel.",
        UPGRADE,
        BUILDS,
        ("", "2.6"),
    ),
    Fault(
        "error",
        "The gradient of torch.stft ends the process.",
        UPGRADE,
        f"{PYTORCH}/issues/138525",
        ("2.5", "2.6"),
    ),
    Fault(
        "silent-cpu",
        "torch.linalg.svd runs on the CPU.",
        "Do it once, on the CPU, when loading; torch 2.14 has a kernel.",
        BUILDS,
        ("", "2.14"),
    ),
    # torch with macOS
    Fault(
        "error",
        "MPS is not available: torch 2.6 to 2.8 need macOS 13.0.",
        "Upgrade macOS, or stay on the CPU.",
        BUILDS,
        ("2.6", "2.9"),
        ("", "13.0"),
    ),
    Fault(
        "error",
        "MPS is not available: torch 2.9 to 2.14 need macOS 14.0.",
        "Upgrade macOS, install torch 2.8, or stay on the CPU.",
        BUILDS,
        ("2.9", "2.15"),
        ("", "14.0"),
    ),
    Fault(
        "error",
        "MPS is not available: torch 2.15 needs macOS 15.0.",
        "Upgrade macOS, install torch 2.14, or stay on the CPU.",
        BUILDS,
        ("2.15", ""),
        ("", "15.0"),
    ),
    Fault(
        "error",
        "FFT, complex numbers and bfloat16 fail before macOS 14.",
        "Upgrade macOS to 14 or newer.",
        BUILDS,
        ("", "2.9"),
        ("", "14.0"),
    ),
    Fault(
        "error",
        "A convolution fails when any side of its output, length included, exceeds 65,536.",
        SPLIT,
        f"{PYTORCH}/pull/129484, {PYTORCH}/pull/140726",
        ("2.6", ""),
        ("", "15.1"),
    ),
    Fault(
        "error",
        "A convolution fails when any side of its output, length included, exceeds 65,536.",
        "Install torch 2.6 or newer on macOS 15.1 or newer, or cut long inputs in time.",
        f"{PYTORCH}/pull/129484",
        ("2.5", "2.6"),
    ),
    Fault(
        "wrong-number",
        "A convolution with more than 65,536 output channels gives wrong numbers.",
        UPGRADE,
        f"{PYTORCH}/issues/129207",
        ("", "2.5"),
    ),
    Fault(
        "wrong-number",
        "A two-dimensional convolution with a side above 65,536 may give wrong numbers.",
        "Keep its sides at or below 65,536.",
        f"{PYTORCH}/issues/142836 (open)",
        ("2.6", ""),
        ("15.1", ""),
    ),
    # macOS, whatever the torch
    Fault(
        "wrong-number",
        "Some models gave wrong numbers on macOS 26 that are right on 15: Apple's graph compiler "
        "(MPSGraph) differs.",
        "Compare with the CPU before trusting a model.",
        "github.com/actions/runner-images/issues/14380 (torch 2.8 to 2.13)",
        macos=("26.0", "27.0"),
    ),
    Fault(
        "wrong-number",
        "Conv3d on contiguous input gives wrong numbers.",
        "Upgrade macOS to 26.3 or newer, or use torch.channels_last_3d.",
        f"{PYTORCH}/issues/197114",
        macos=("26.2", "26.3"),
    ),
    Fault(
        "wrong-number",
        "An image model gave corrupted output on macOS 27.",
        "Install torch 2.13 or newer.",
        f"{PYTORCH}/issues/187280",
        ("", "2.13"),
        ("27.0", ""),
    ),
    Fault(
        "info",
        "In a virtual machine the first allocation may fail (MPS backend out of memory).",
        "Use macOS 15 for hosted runners, or real hardware.",
        "github.com/actions/runner-images/issues/9918",
        macos=("14.0", "15.0"),
    ),
)
