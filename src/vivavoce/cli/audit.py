"""`vivavoce audit`: mpsaudit on the workloads of models, on any callable, operator or message."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vivavoce.cli.options import Json
from vivavoce.cli.terminal import emit, say
from vivavoce.errors import (
    AuditError,
    UnknownModel,
    UnsupportedDevice,
    UsageError,
    VivavoceError,
    near_misses,
)

if TYPE_CHECKING:
    from mpsaudit import Report
    from vivavoce.types import Workload

CPU = "cpu"


@dataclass(frozen=True)
class AuditJob:
    """One piece of work: another process imports it as `target`, `work` builds it in this one."""

    name: str
    inputs: str
    target: str
    work: Workload | None = None


def audit(
    target: Annotated[
        str,
        typer.Argument(
            help="A model, a family, module:callable of any code, an operator (aten::mode), or an "
            "MPS error message."
        ),
    ],
    torch: Annotated[
        str | None,
        typer.Option(metavar="VERSION", help="Operator table [default: installed]."),
    ] = None,
    macos: Annotated[
        list[str] | None,
        typer.Option(metavar="VERSION", help="macOS to check; repeatable [default: 15.5, 14.4]."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Run on a simulated MPS device (needs a C++ compiler).")
    ] = False,
    workload: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Audit this workload only; repeatable.")
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Official model size instead of toy size.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check whether PyTorch code runs natively on Apple MPS.

    Works on any machine. An operator or error message is looked up instead, for every version of
    torch. Exits with 1 if anything would fail, run on the CPU or compute wrong numbers.
    """
    if full and (strict or ":" in target):
        raise UsageError("--full works for models only, without --strict.", "Leave it out.")
    with _errors_translated():
        if "::" in target or " " in target.strip():
            _look_up(target, torch, macos or (), as_json)
            return
        reports = _reports(_jobs(target, workload or []), torch, macos, strict, full)
    emit(_plain(reports) if as_json else reports, as_json, _render)
    if not all(report.clean for report in reports.values()):
        raise typer.Exit(1)


def _look_up(question: str, torch: str | None, macos: Sequence[str], as_json: bool) -> None:
    from mpsaudit import look_up

    answer = look_up(question, torch, macos)
    emit(asdict(answer) if as_json else answer, as_json, str)


@contextmanager
def _errors_translated() -> Iterator[None]:
    """Raises the errors of mpsaudit as those that the command line handles."""
    import mpsaudit

    kinds: dict[type[mpsaudit.MpsAuditError], type[VivavoceError]] = {
        mpsaudit.StandInUnavailable: UnsupportedDevice,
        mpsaudit.UsageError: UsageError,
        mpsaudit.AuditError: AuditError,
    }
    try:
        yield
    except mpsaudit.MpsAuditError as error:
        kind = next(ours for theirs, ours in kinds.items() if isinstance(error, theirs))
        raise kind(error.message, error.advice) from error


def _reports(
    jobs: Sequence[AuditJob],
    torch: str | None,
    macos: Sequence[str] | None,
    strict: bool,
    full: bool,
) -> dict[str, Report]:
    from mpsaudit import MACOS
    from mpsaudit import audit as run

    reports: dict[str, Report] = {}
    for number, job in enumerate(jobs, 1):
        if len(jobs) > 1:
            say(f"{number}/{len(jobs)}  {job.name}: {job.inputs}")
        local = job.work is not None and not strict
        call = job.work.build(CPU, full=full) if job.work and local else job.target
        reports[job.name] = run(
            call, torch=torch, macos=tuple(macos or MACOS), strict=strict, inputs=job.inputs
        )
    return reports


def _jobs(target: str, only: Sequence[str]) -> list[AuditJob]:
    if ":" in target:
        if only:
            raise UsageError("--workload is for models.", "Leave it out.")
        if (here := str(Path.cwd())) not in sys.path:
            sys.path.insert(0, here)
        return [AuditJob(target, f"{target}()", target)]
    jobs = [job for name in _families(target) for job in _workloads(*name)]
    if not only:
        return jobs
    known = {job.name.partition(".")[2]: job for job in jobs} | {job.name: job for job in jobs}
    for name in only:
        if name not in known:
            raise UsageError(f"'{target}' has no workload '{name}'.", near_misses(name, known))
    return [known[name] for name in only]


def _families(target: str) -> Iterator[tuple[str, str]]:
    """The packages and families that a name stands for: a model also needs its vocoder."""
    from vivavoce.converters import CONVERTERS
    from vivavoce.hub import catalog
    from vivavoce.models import MODELS
    from vivavoce.vocoders import VOCODERS

    tables = {
        "models": MODELS.names,
        "vocoders": VOCODERS.names,
        "converters": CONVERTERS.names,
    }
    direct = [(package, target) for package, table in tables.items() if target in table]
    if direct:
        yield from direct
        return
    known = {entry.name: entry for entry in catalog.entries()}
    if target not in known:
        names = [*known, *(name for table in tables.values() for name in table)]
        advice = near_misses(target, names) or "See `vivavoce models list`."
        raise UnknownModel(f"No model or family is called '{target}'.", advice)
    entry = known[target]
    yield {"acoustic": "models"}.get(entry.kind, f"{entry.kind}s"), entry.family
    if entry.vocoder in known:
        yield "vocoders", known[entry.vocoder].family


def _workloads(package: str, family: str) -> list[AuditJob]:
    from vivavoce import converters, models, vocoders

    packages = {"models": models, "vocoders": vocoders, "converters": converters}
    table = packages[package].workloads()
    return [
        AuditJob(name, work.description, f"vivavoce.{package}:{name}", work)
        for name, work in table.items()
        if name.partition(".")[0] == family
    ]


def _plain(reports: Mapping[str, Report]) -> dict[str, Any]:
    return {name: asdict(report) | {"clean": report.clean} for name, report in reports.items()}


def _render(reports: Mapping[str, Report]) -> str:
    from mpsaudit import render_all
    from vivavoce.diagnose.selftest import mlx_line

    return render_all(reports) + mlx_line(reports)
