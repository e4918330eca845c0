"""`vivavoce convert`: a recording in another voice."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from typing import Annotated

import typer

from vivavoce.cli import options as o
from vivavoce.cli.output import destination, download, report
from vivavoce.cli.terminal import say


def convert(
    recording: Annotated[Path, typer.Argument(help="Recording to convert.")],
    to: Annotated[
        str, typer.Option("--to", metavar="VOICE", help="Saved voice or recording of the target.")
    ],
    output: o.Output = "",
    model: Annotated[
        str, typer.Option("--model", "-m", help="Model that converts voices.")
    ] = "openvoice-v2",
    vocoder: o.Vocoder = None,
    config: o.Config = None,
    seed: o.Seed = 0,
    device: o.Device = "auto",
    stream: o.Stream = False,
    audio_format: o.Format = None,
    sample_rate: o.SampleRate = None,
    as_json: o.Json = False,
) -> None:
    """Convert a recording to another voice.

    The words, their timing and the length stay.
    """
    place = destination(output, audio_format, as_json)

    from vivavoce.audio.io import StreamWriter
    from vivavoce.speech.conversion import load_converter  # torch comes in here

    download(model, vocoder)
    converter = load_converter(model, vocoder=vocoder, device=device, config=config)
    pieces = converter.stream(recording, to, seed=seed, early=stream)
    first = next(pieces)  # bad input is told before a file is begun
    where = place or sys.stdout.buffer
    with StreamWriter(where, converter.sample_rate, audio_format, file_rate=sample_rate) as writer:
        last = first
        for piece in itertools.chain([first], pieces):
            writer.write(piece.samples)
            last = piece
    seconds, warnings = last.start_s + len(last.samples) / last.sample_rate, last.warnings
    for warning in warnings:
        say(f"warning: {warning}")
    summary = {
        "file": str(place or "-"),
        "seconds": round(seconds, 3),
        "model": converter.name,
        "seed": seed,
        "device": str(converter.selection.device),
        "warnings": list(warnings),
    }
    report(summary, as_json)
