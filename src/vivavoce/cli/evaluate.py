"""`vivavoce eval`: a list of sentences spoken and scored, with a report and conditions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vivavoce.cli import model_flags
from vivavoce.cli import options as o
from vivavoce.cli.terminal import Progress, emit, say, table
from vivavoce.errors import UsageError

if TYPE_CHECKING:
    from vivavoce.bulk import Loading
    from vivavoce.evaluate import Report
    from vivavoce.evaluate.scorers import Scorer

REPORT = "report.html"


def _in(panel: str, text: str, *names: str, metavar: str | None = None) -> Any:
    return typer.Option(*names, help=text, rich_help_panel=panel, metavar=metavar)


_LIST = _in("List", "List of sentences: seed-tts-eval, … or a .csv file.", "--list", metavar="FILE")
_KIND = _in("List", "seed-tts, librispeech-pc, minimax or csv [default: detected].")
_DATA = _in("List", "Folder of the list's recordings [default: the list's].", metavar="FOLDER")
_IN = _in("List", "Language of the list, BCP 47.", "--language", metavar="CODE")
_LIMIT = _in("List", "Number of sentences, counted from the first.", metavar="COUNT")
_SEEDS = _in("List", "Random seeds; the list is spoken once per seed.", metavar="0,1,2")
_WAVS = _in("List", "Score these recordings, named by id, without speaking.", metavar="FOLDER")
_PROTOCOL = _in("Scores", "How words are compared: ours, seed-tts or f5-tts.", metavar="NAME")
_ASR = _in(
    "Scores", "whisper:FOLDER, transformers:FOLDER, paraformer:FOLDER, transcripts:FILE.",
    metavar="KIND:PATH",
)  # fmt: skip
_SIM = _in("Scores", "Speaker encoder: resemblyzer, onnx:FILE or coqui:FILE.", metavar="ENCODER")
_DNSMOS = _in("Scores", "DNSMOS P.835 (sig_bak_ovr.onnx).", "--dnsmos", metavar="FILE")
_UTMOS = _in("Scores", "UTMOS as an ONNX file.", "--utmos", metavar="FILE")
_DISTILL = _in("Scores", "DistillMOS, from its package.", "--distillmos")
_OUT = _in("Output", "Folder of the audio and the results.", "--output", "-o", metavar="FOLDER")
_PAGE = _in(
    "Output", "The report as one HTML file [default: report.html in the folder].", metavar="FILE"
)
_AGAINST = _in("Output", "report.json of an earlier run to compare with.", metavar="FILE")
_FAIL = _in("Output", "Exit with 1 if this condition holds; repeatable.", metavar="wer>0.03")
_WORKERS = _in("Advanced", "Number of worker processes.", metavar="COUNT")


@model_flags.with_model_options
def evaluate(
    listed: Annotated[Path, _LIST],
    output: Annotated[Path, _OUT] = Path("evaluation"),
    report: Annotated[Path | None, _PAGE] = None,
    list_format: Annotated[str | None, _KIND] = None,
    data: Annotated[Path | None, _DATA] = None,
    language: Annotated[str, _IN] = "",
    limit: Annotated[int | None, _LIMIT] = None,
    seeds: Annotated[str, _SEEDS] = "0",
    recordings: Annotated[Path | None, _WAVS] = None,
    model: o.Model = None,
    vocoder: o.Vocoder = None,
    voice: o.Voice = None,
    speed: o.Speed = 1.0,
    protocol: Annotated[str, _PROTOCOL] = "ours",
    recogniser: Annotated[str | None, _ASR] = None,
    similarity: Annotated[str | None, _SIM] = None,
    dnsmos: Annotated[Path | None, _DNSMOS] = None,
    utmos: Annotated[Path | None, _UTMOS] = None,
    distillmos: Annotated[bool, _DISTILL] = False,
    against: Annotated[Path | None, _AGAINST] = None,
    fail_if: Annotated[list[str] | None, _FAIL] = None,
    workers: Annotated[int, _WORKERS] = 1,
    device: o.Device = "auto",
    precision: o.Precision = "auto",
    fast: o.Fast = False,
    settings: o.Settings = None,
    as_json: o.Json = False,
    *,
    options: dict[str, Any],
) -> None:
    """Speak a list of sentences and score the speech.

    Recognisers and scorers need local weights; a metric that was not requested is null in
    report.json, with the reason. The same command resumes an interrupted run.
    """
    given = locals()
    made = _made(
        {name: value for name, value in given.items() if name not in ("report", "as_json")}
    )
    target = report or output / REPORT
    _told(made, target, as_json, against)


def _made(given: dict[str, Any]) -> Report:
    """The evaluation that was asked for."""
    from vivavoce.bulk import Loading, Manner
    from vivavoce.evaluate import cases, recognisers
    from vivavoce.evaluate import evaluate as measure

    kind = given["list_format"], given["data"], given["language"]
    found = cases.read(given["listed"], *kind).first(given["limit"])
    how = model_flags.merged(given["options"], given["settings"])
    names = ("device", "precision", "fast")
    loading = Loading(given["model"] or "", given["vocoder"] or "", *(given[n] for n in names))
    who = {"voice": given["voice"] or "", "speed": given["speed"]}
    spoken = given["recordings"] is None
    asked, protocol = given["recogniser"], given["protocol"]
    judges = {
        "recogniser": recognisers.find(asked, protocol) if asked else None,
        "scorers": _scorers(*(given[n] for n in ("similarity", "dnsmos", "utmos", "distillmos"))),
    }
    seeds, workers = _numbers(given["seeds"]), given["workers"]
    with Progress("scoring", "utterances") as progress:
        return measure(
            found,
            given["output"],
            **judges,
            protocol=protocol,
            recordings=given["recordings"],
            loading=loading,
            manner=Manner(rows=1, options=how, **who) if spoken else None,
            tts=_engine(loading, how) if spoken and workers == 1 else None,
            seeds=seeds,
            workers=workers,
            against=given["against"],
            conditions=given["fail_if"] or (),
            on_score=progress,
        )


def _scorers(
    similarity: str | None, dnsmos: Path | None, utmos: Path | None, distillmos: bool
) -> list[Scorer]:
    from vivavoce.evaluate import scorers

    found: list[Scorer] = []
    if similarity:
        found.append(scorers.Similarity(similarity))
    if dnsmos:
        found.append(scorers.Dnsmos(dnsmos))
    if utmos:
        found.append(scorers.Utmos(utmos))
    return [*found, scorers.DistillMos()] if distillmos else found


def _engine(loading: Loading, how: dict[str, Any]) -> Any:
    from vivavoce.cli.output import download
    from vivavoce.speech import load as loads

    download(loading.model or None, loading.vocoder or None)
    tts = loads.load(
        loading.model or None,
        vocoder=loading.vocoder or None,
        device=loading.device,
        precision=loading.precision,
        fast=loading.fast,
    )
    model_flags.require_known(how, tts)
    return tts


def _numbers(text: str) -> list[int]:
    try:
        found = [int(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not found or len(set(found)) < len(found):
        raise UsageError(f"--seeds is '{text}'.", "Give numbers, for example 0,1,2.")
    return found


def _told(made: Report, target: Path, as_json: bool, against: Path | None) -> None:
    from vivavoce.evaluate import page

    page.write(target, made, against.parent if against else None)
    if as_json:
        emit(made.as_dict(), True, str)
    else:
        rows = [
            {"metric": name, "value": metric.value, "low": metric.low, "high": metric.high}
            for name, metric in made.results.items()
            if metric.value is not None
        ]
        emit(rows, False, lambda found: table(found, ("metric", "value", "low", "high")))
    for failure in made.failures:
        say(f"failed: {failure}")
    say(f"wrote {target}")
    if made.failures:
        raise typer.Exit(1)
