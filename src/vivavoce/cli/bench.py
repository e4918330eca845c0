"""`vivavoce bench`: how fast a model speaks here. The measuring is in diagnose/bench.py."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from vivavoce.cli.options import Device, Fast, Json, Model, Precision, Vocoder
from vivavoce.cli.terminal import Progress, emit, facts, write_report
from vivavoce.errors import UsageError

FLAT = 0.05
"""Growth of memory that allocators explain."""


def bench(
    model: Model = None,
    vocoder: Vocoder = None,
    device: Device = "auto",
    precision: Precision = "auto",
    fast: Fast = False,
    voice: Annotated[
        str | None, typer.Option("--voice", "-v", help="Speaker name or voice file.")
    ] = None,
    text: Annotated[str | None, typer.Option(help="Text to speak [default: one sentence].")] = None,
    runs: Annotated[int, typer.Option(help="Number of runs; medians are reported.")] = 3,
    soak: Annotated[
        int, typer.Option(metavar="COUNT", help="Speak COUNT utterances and report memory instead.")
    ] = 0,
    floor: Annotated[
        bool, typer.Option("--floor", help="Report each stage's share of this CPU's peak speed.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write the result as JSON to a file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure speed and memory.

    Reports loading, first audio and real-time factor, per stage. With --soak it reports resident
    memory over many utterances, and exits with 1 if it grows by more than 5 % after the first 100.
    """
    if soak < 0:
        raise UsageError(f"--soak is {soak}.", "Use 1 or more.")
    if soak:
        _soaked(soak, model, vocoder, device, as_json)
        return
    if runs < 1:
        raise UsageError(f"--runs is {runs}.", "Use 1 or more.")
    from vivavoce.diagnose import bench as measuring

    with Progress("measuring", "steps") as progress:
        found = measuring.bench(
            model,
            vocoder=vocoder,
            device=device,
            precision=precision,
            fast=fast,
            voice=voice,
            text=text or measuring.TEXT,
            runs=runs,
            floor=floor,
            on_progress=progress,
        )
    if output is not None:
        write_report(output, found)
    emit(found, as_json, _render)


def _soaked(count: int, model: str | None, vocoder: str | None, device: str, as_json: bool) -> None:
    from vivavoce.diagnose.soak import soak
    from vivavoce.speech.load import load

    tts = load(model, vocoder=vocoder, device=device)
    with Progress("speaking", "utterances") as progress:
        result = soak(tts, count, progress)
    emit(asdict(result), as_json, facts)
    if result.growth is not None and abs(result.growth) > FLAT:
        raise typer.Exit(1)


def _render(found: dict[str, Any]) -> str:
    sizes = {k: f"{v / 2**20:.0f} MiB" for k, v in found.items() if k.endswith("_bytes") and v}
    return facts({**found, **sizes})
