"""`vivavoce audit`: joins the audit, which knows no models, to the models' workloads."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vivavoce.cli.options import Json
from vivavoce.cli.terminal import emit, say
from vivavoce.errors import UnknownModel, UsageError, near_misses

if TYPE_CHECKING:
    from mpsaudit import Report
    from vivavoce.types import Workload

CPU = "cpu"


@dataclass(frozen=True)
class Job:
    """One thing to run: `target` is how a process of its own finds it, `work` builds it here."""

    name: str
    inputs: str
    target: str
    work: Workload | None = None


def audit(
    target: Annotated[
        str, typer.Argument(help="A model, a family, or module:callable of anybody's code.")
    ],
    torch: Annotated[
        str | None, typer.Option(metavar="VERSION", help="Whose operators [default: installed].")
    ] = None,
    macos: Annotated[
        list[str] | None, typer.Option(metavar="VERSION", help="May repeat [default: 15.5, 14.4].")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="On a stand-in device: needs a C++ compiler.")
    ] = False,
    workload: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only these of a model's workloads.")
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="At the official size, not toy size.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Tell whether it would run natively on an Apple GPU.

    Runs on any machine. Exits with 1 if anything is found that would fail or leave the GPU.
    """
    if full and (strict or ":" in target):
        raise UsageError("--full is for models, by the portable engine.", "Leave it out.")
    jobs = _jobs(target, workload or [])
    found: dict[str, Report] = {}
    for number, job in enumerate(jobs, 1):
        if len(jobs) > 1:
            say(f"{number}/{len(jobs)}  {job.name}: {job.inputs}")
        found[job.name] = _audited(job, torch, macos, strict, full)
    emit(_plain(found) if as_json else found, as_json, _render)
    if not all(report.clean for report in found.values()):
        raise typer.Exit(1)


def _audited(
    job: Job, torch: str | None, macos: Sequence[str] | None, strict: bool, full: bool
) -> Report:
    from mpsaudit import MACOS
    from mpsaudit import audit as run

    call: Any = job.target
    if job.work is not None and not strict:
        call = job.work.build(CPU, full=full)
    asked = tuple(macos or MACOS)
    return run(call, torch=torch, macos=asked, strict=strict, inputs=job.inputs)


def _jobs(target: str, only: Sequence[str]) -> list[Job]:
    if ":" in target:
        if only:
            raise UsageError("--workload is for models.", "A callable is one piece of work.")
        if (here := str(Path.cwd())) not in sys.path:
            sys.path.insert(0, here)
        return [Job(target, f"{target}()", target)]
    jobs = [job for name in _families(target) for job in _workloads(*name)]
    if not only:
        return jobs
    known = {job.name.partition(".")[2]: job for job in jobs} | {job.name: job for job in jobs}
    for name in only:
        if name not in known:
            raise UsageError(f"'{target}' has no workload '{name}'.", near_misses(name, known))
    return [known[name] for name in only]


def _families(target: str) -> Iterator[tuple[str, str]]:
    """The packages and families that a name stands for: a model speaks through its vocoder."""
    from vivavoce.hub import catalog
    from vivavoce.models import MODELS
    from vivavoce.vocoders import VOCODERS

    tables = {"models": MODELS.names, "vocoders": VOCODERS.names}
    direct = [(package, target) for package, table in tables.items() if target in table]
    if direct:
        yield from direct
        return
    known = {entry.name: entry for entry in catalog.entries()}
    if target not in known:
        names = [*known, *MODELS.names, *VOCODERS.names]
        advice = near_misses(target, names) or "See `vivavoce models list`, or say module:callable."
        raise UnknownModel(f"No model or family is called '{target}'.", advice)
    entry = known[target]
    yield ("vocoders" if entry.kind == "vocoder" else "models"), entry.family
    if entry.vocoder in known:
        yield "vocoders", known[entry.vocoder].family


def _workloads(package: str, family: str) -> list[Job]:
    from vivavoce import models, vocoders

    table = (models if package == "models" else vocoders).workloads()
    return [
        Job(name, work.description, f"vivavoce.{package}:{name}", work)
        for name, work in table.items()
        if name.partition(".")[0] == family
    ]


def _plain(found: Mapping[str, Report]) -> dict[str, Any]:
    return {name: asdict(report) | {"clean": report.clean} for name, report in found.items()}


def _render(found: Mapping[str, Report]) -> str:
    """One piece of work in full; of many the findings, then one verdict on all of them."""
    from mpsaudit import render
    from mpsaudit.verdict import listed, verdict

    reports = list(found.values())
    if len(reports) == 1:
        return render(reports[0])
    pieces = ["\n".join([name, *listed(r)]) for name, r in found.items() if r.findings]
    clean = sum(report.clean for report in reports)
    whole = replace(
        reports[0],
        inputs=f"{len(found)} workloads, {clean} of them clean",
        operators=max(report.operators for report in reports),
        findings=tuple(finding for report in reports for finding in report.findings),
    )
    return "\n\n".join([*pieces, "\n".join(verdict(whole))])
