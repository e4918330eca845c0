"""`vivavoce data …`: recordings to a set of clips that `train` reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vivavoce.cli.options import Device, Json
from vivavoce.cli.terminal import Progress, emit, facts, say, table
from vivavoce.cli.train import ProgressPrinter
from vivavoce.errors import TrainingError

if TYPE_CHECKING:
    from vivavoce.data.config import PrepareConfig
    from vivavoce.data.results import Prepared

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

_OUTPUT = typer.Option("--output", "-o", metavar="FOLDER", help="Folder for the prepared set.")
_LANGUAGE = typer.Option(help="Language of the recordings, BCP 47.")
_TRANSCRIPTS = typer.Option(metavar="FILE", help="List of recordings and texts, or subtitles.")
_EDITS = typer.Option(metavar="FILE", help="Corrections: a csv file with id,keep,text.")
_FORMAT = typer.Option("--format", metavar="NAME", help="Format of IN [default: detected].")
_MODEL = typer.Option("--asr", metavar="NAME", help="faster-whisper model, by name or folder.")
_TRANSCRIBE = typer.Option(help="Transcribe clips without a text (needs vivavoce[asr]).")
_VERIFY = typer.Option("--verify", help="Compare given texts with speech recognition.")
_LONGEST = typer.Option(metavar="SECONDS", min=1.0, help="Longest clip; limits: XTTS 11.6, F5 30.")
_SPEAKER = typer.Option(metavar="NAME", help="Speaker of recordings without one.")
_FOLDERS = typer.Option("--speaker-folders", help="Use the first folder inside IN as the speaker.")
_LOUDNESS = typer.Option(metavar="LUFS|off", help="Target loudness of each recording.")
_SET = typer.Option("--set", metavar="KEY=VALUE", help="Set a threshold, such as snr_reject_db=20.")
_OUTSIDE = typer.Option("--outside", help="Also read recordings outside IN.")
_REPORT = typer.Option(metavar="FILE|off", help="HTML report [default: report.html in FOLDER].")
_ALIGNED = typer.Option("--output", "-o", metavar="FILE", help="Manifest to write (.jsonl).")
_SAYS = typer.Option("--model", "-m", metavar="NAME", help="Model that speaks the texts.")
_WORKERS = typer.Option(metavar="N", min=0, help="Parallel recordings; 0: one per core.")


@app.command("prepare")
def prepare(
    source: Annotated[Path, typer.Argument(metavar="IN", help="Folder, recording or data set.")],
    output: Annotated[Path, _OUTPUT],
    language: Annotated[str, _LANGUAGE] = "en",
    transcripts: Annotated[Path | None, _TRANSCRIPTS] = None,
    edits: Annotated[Path | None, _EDITS] = None,
    data_format: Annotated[str, _FORMAT] = "",
    asr: Annotated[str, _MODEL] = "large-v3-turbo",
    transcribe: Annotated[bool, _TRANSCRIBE] = True,
    verify: Annotated[bool, _VERIFY] = False,
    longest: Annotated[float, _LONGEST] = 12.0,
    speaker: Annotated[str, _SPEAKER] = "",
    speaker_folders: Annotated[bool, _FOLDERS] = False,
    loudness: Annotated[str, _LOUDNESS] = "-23",
    settings: Annotated[list[str] | None, _SET] = None,
    outside: Annotated[bool, _OUTSIDE] = False,
    report: Annotated[str, _REPORT] = "",
    workers: Annotated[int, _WORKERS] = 0,
    as_json: Json = False,
) -> None:
    """Cut recordings into transcribed clips and check them for training.

    Files in IN are not changed. The same command resumes an interrupted run.
    """
    from vivavoce import data

    given = {"language": language, "speaker": speaker, "outside": outside, "longest_s": longest}
    given["speaker_folders"] = speaker_folders
    config = thresholds(given, loudness, settings or [])
    with Progress("preparing", "steps") as bar:
        result = data.prepare(
            source,
            output,
            config,
            format=data_format,
            transcripts=transcripts,
            edits=edits,
            transcriber=asr if transcribe or verify else None,
            verify=verify,
            report=None if report == "off" else report,
            workers=workers,
            on_progress=ProgressPrinter(bar),
        )
    emit(result.summary(), as_json, facts)
    _require_enough(result)


@app.command("align")
def align(
    source: Annotated[Path, typer.Argument(metavar="IN", help="Prepared folder, or a list.")],
    output: Annotated[Path, _ALIGNED],
    model: Annotated[str, _SAYS] = "linnet",
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Align phonemes with recordings and measure pitch, to fine-tune a voice like linnet.

    Clips that do not sound like their text are left out and listed.
    """
    from vivavoce import data

    with Progress("aligning", "utterances") as bar:
        found = data.align(source, output, model, device=device, on_progress=ProgressPrinter(bar))
    emit(found.summary(), as_json, facts)


@app.command("formats")
def formats(as_json: Json = False) -> None:
    """List the formats of data sets that `prepare` reads."""
    from vivavoce.data.formats import FORMATS

    rows = [{"format": one.name, "files": one.about} for one in FORMATS]
    emit(rows, as_json, lambda found: table(found, ("format", "files")))


def thresholds(given: Mapping[str, Any], loudness: str, settings: list[str]) -> PrepareConfig:
    """The flags, and on top of them `--set`. Raises ConfigError."""
    from vivavoce import config
    from vivavoce.data import PrepareConfig

    longest = float(given["longest_s"])
    low, high = PrepareConfig.wanted_s
    wanted = [min(low, longest / 3), min(high, 0.92 * longest)]
    tables = {**given, "wanted_s": wanted, "loudness_lufs": None}
    level = [] if loudness == "off" else [f"loudness_lufs={loudness}"]
    return config.from_dict(PrepareConfig, config.apply_overrides(tables, [*level, *settings]))


def _require_enough(result: Prepared) -> None:
    """Exit code 1 where too little is left to train on."""
    if not result.enough:
        raise TrainingError(
            f"Only {result.minutes:.1f} minutes of speech are usable.",
            f"See why in {result.report or result.folder / 'rejected.jsonl'}.",
        )
    if result.rejected:
        say(f"{len(result.rejected)} left out: see {result.report or result.folder}")
