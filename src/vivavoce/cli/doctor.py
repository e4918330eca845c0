"""`vivavoce doctor`: the machine as the package sees it, and whether the bundled voice works."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Annotated, Any

import typer

from vivavoce.cli.options import Device, Json
from vivavoce.cli.terminal import Progress, emit, table, write_report
from vivavoce.errors import UsageError


def doctor(
    device: Device = "auto",
    macos: Annotated[
        str, typer.Option(metavar="VERSION", help="List known faults of torch on that macOS.")
    ] = "",
    self_test: Annotated[
        bool, typer.Option("--self-test", help="Compare every stage on the device with the CPU.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write the report as JSON, without paths.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check this machine: devices, precision, bundled voice.

    Exits with 1 if the bundled voice cannot speak on it, or a stage is wrong on its device.
    """
    from vivavoce.diagnose.bench import check_bundled
    from vivavoce.diagnose.report import report
    from vivavoce.hub import paths as cache

    faults = _known_faults(macos)
    facts: dict[str, Any] = report(device, cache.folder())
    facts["folders"] = {"models": str(cache.models()), "voices": str(cache.voices())}
    facts["known_faults"] = faults
    if self_test:
        from vivavoce.diagnose import selftest

        with Progress("comparing", "steps") as progress:
            facts["self_test"] = selftest.self_test(device, on_progress=progress)
    facts["bundled_voice"] = check_bundled(device)
    if output is not None:
        write_report(output, {part: told for part, told in facts.items() if part != "folders"})
    emit(facts, as_json, _render)
    stages = facts.get("self_test", {}).get("stages", ())
    if "error" in facts["bundled_voice"] or not all(stage["right"] for stage in stages):
        raise typer.Exit(1)


def _render(facts: dict[str, Any]) -> str:
    from vivavoce.diagnose.report import render

    tested = facts.get("self_test", {})
    shown = {part: content for part, content in facts.items() if part != "self_test"}
    lines = [render(shown)]
    if tested:
        lines += ["self_test", f"  {tested.get('note') or 'on ' + tested['device']}"]
        lines += [f"  {line}" for line in _stages(tested.get("stages", []))]
    return "\n".join(lines)


def _stages(stages: list[dict[str, Any]]) -> list[str]:
    """A row for each stage that ran, then the failures."""
    rows = [
        {
            "stage": stage["stage"],
            "verdict": "right" if stage["right"] else "WRONG",
            "error": f"{stage['error']:.1e}",
            "tolerance": f"{stage['tolerance']:.0e}",
            "work": stage["work"],
            "cpu_s": stage["cpu_s"],
            "device_s": stage["device_s"],
            "gain": stage["gain"] and f"{stage['gain']:.1f} x",
        }
        for stage in stages
        if not stage["failure"]
    ]
    lines = table(rows, tuple(rows[0])).splitlines() if rows else []
    lines += [f"{s['stage']}: {s['failure']}" for s in stages if s["failure"]]
    return lines + [f"{s['stage']}: {s['lower_fault']}" for s in stages if s["lower_fault"]]


def _known_faults(asked: str) -> list[str]:
    """One line each, of the installed torch on the macOS asked about, else on this machine's."""
    from mpsaudit import UsageError as UnknownVersion
    from mpsaudit import faults

    macos = asked or platform.mac_ver()[0]
    if not macos:
        return []
    import torch

    try:
        found = faults(torch.__version__, macos)
    except UnknownVersion as error:
        if asked:
            raise UsageError(error.message, error.advice) from error
        return [str(error)]
    lines = [f"{f.severity}: {f.text} {f.advice} ({f.source})" for f in found]
    return lines or [f"none known of torch {torch.__version__} on macOS {macos}"]
