"""Reports as text for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mpsaudit.findings import Finding, Report

UNSEEN = {
    "portable": (
        "Not covered: numbers, memory, speed, other inputs and branches, other processes, and on "
        "which device each tensor lies (--strict sees that)."
    ),
    "strict": "Not covered: numbers, memory, speed, other inputs and branches.",
}
SHAPES = 4


def render(report: Report) -> str:
    """Every finding with its place and what to use instead, then the verdict."""
    lines = listed(report)
    return "\n".join([*lines, *([""] if lines else []), *verdict(report)])


def render_all(reports: Mapping[str, Report]) -> str:
    """One report in full; of several the findings by name, then one verdict on all of them."""
    several = list(reports.values())
    if len(several) == 1:
        return render(several[0])
    pieces = ["\n".join([name, *listed(r)]) for name, r in reports.items() if r.findings]
    clean = sum(report.clean for report in several)
    whole = replace(
        several[0],
        inputs=f"{len(several)} workloads, {clean} of them clean",
        operators=max(report.operators for report in several),
        findings=tuple(finding for report in several for finding in report.findings),
    )
    return "\n\n".join([*pieces, "\n".join(verdict(whole))])


def listed(report: Report) -> list[str]:
    """The findings alone, in lines."""
    return [line for finding in report.findings for line in _finding(finding, report.macos)]


def verdict(report: Report) -> list[str]:
    """The verdict, its assumptions, and what was not covered."""
    systems = _joined([f"macOS {version}" for version in report.macos])
    above = sum(finding.severity != "info" for finding in report.findings)
    if above:
        count = f"{above} finding{'s' if above > 1 else ''}"
        first = f"NOT NATIVE: {count} above would fail, leave the GPU or be wrong on {systems}."
    else:
        first = (
            f"NATIVE, as far as this shows: every operator reached with these inputs has a native "
            f"MPS kernel in torch {report.torch} (or decomposes into such), and no known size or "
            f"type limit of it on {systems} is hit."
        )
    given = f"Inputs: {report.inputs or 'as given'}. Operators: {report.operators}. "
    return [
        first,
        given + f"Engine: {report.engine}. Table: {report.table}.",
        UNSEEN[report.engine],
    ]


def _finding(found: Finding, asked: Sequence[str]) -> list[str]:
    times = f"  x{found.count}" if found.count > 1 else ""
    direction = "  (backward)" if found.backward else ""
    only = "" if set(found.macos) >= set(asked) else f"  only {_joined(_systems(found))}"
    place = f"  {found.place}" if found.place else ""
    lines = [f"{found.severity:<12}  {found.operator}{times}{direction}{only}{place}"]
    pairs = zip(found.shapes, found.dtypes, strict=False)
    tensors = [f"{list(shape)} {dtype}" for shape, dtype in pairs]
    more = f" and {len(tensors) - SHAPES} more" if len(tensors) > SHAPES else ""
    detail = f"{'; '.join(tensors[:SHAPES])}{more}"
    lines.append(f"{'':<14}{found.reason.strip()}{f' [{detail}]' if detail else ''}")
    if found.advice:
        lines.append(f"{'':<14}use: {found.advice}")
    return lines


def _systems(found: Finding) -> list[str]:
    return [f"macOS {version}" for version in found.macos]


def _joined(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)
