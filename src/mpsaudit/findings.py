"""The results of an audit as plain values, without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "silent-cpu", "wrong-number", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "silent-cpu", "wrong-number", "info")


@dataclass(frozen=True)
class Finding:
    """One operator, at one line of the caller's code, that would not simply run on the device.

    `operator` is the qualified name (`aten::unfold_backward`). `severity`: `error` would raise,
    `silent-cpu` would run on the CPU with at most a warning, `wrong-number` is known to have given
    wrong results on this torch and macOS, `info` waits for the device (a sync). `shapes` and
    `dtypes` are those of its tensors, `reason` the rule or the backend's own message, `place` the
    innermost line outside torch (`file.py:12 in function`), `advice` what to write instead,
    `count` how often it happened there, `backward` whether autograd ran it, `macos` the versions
    of macOS that it concerns.
    """

    operator: str
    severity: Severity
    reason: str
    shapes: tuple[tuple[int, ...], ...] = ()
    dtypes: tuple[str, ...] = ()
    place: str = ""
    advice: str = ""
    count: int = 1
    backward: bool = False
    macos: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """`findings`, worst first, and under which assumptions: the verdict is about these only.

    `torch` is the version whose table was used, `table` where that came from, `operators` how
    many different ones were reached, `inputs` what was run, in words.
    """

    engine: Literal["portable", "strict"]
    torch: str
    macos: tuple[str, ...]
    table: str
    inputs: str
    operators: int
    findings: tuple[Finding, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether nothing above `info` was found."""
        return all(finding.severity == "info" for finding in self.findings)
