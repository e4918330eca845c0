"""`vivavoce bulk`: a list of texts, one audio file each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vivavoce.cli import model_flags
from vivavoce.cli import options as o
from vivavoce.cli.terminal import Progress, emit, say
from vivavoce.errors import UsageError

if TYPE_CHECKING:
    from vivavoce.bulk import Bulk
    from vivavoce.bulk.work import BulkRow, Loading, Manner

SHOWN = 10
"""Items that fail are printed, so many of them; errors.jsonl has all."""

_OUT = typer.Option(
    "--output", "-o", metavar="FOLDER|URL", help="Output folder or address (s3://, gs://, …)."
)
_WORKERS = typer.Option("--workers", metavar="COUNT", help="Processes, or Ray actors (--ray).")
_THREADS = typer.Option(metavar="COUNT", help="Threads per worker [default: cores / workers].")
_BATCH = typer.Option("--batch", metavar="COUNT", help="Texts per batch.")
_RAY = typer.Option(metavar="ADDRESS", help="Ray cluster: auto, local or ray://HOST:PORT.")
_SHARD = typer.Option(metavar="N/COUNT", help="Speak only this part of the list, such as 1/4.")
_RETRY = typer.Option("--retry", help="Retry lines that failed in an earlier run.")
_VERIFY = typer.Option("--verify", help="Compare finished files with their SHA-256 too.")
_STRICT = typer.Option("--strict", help="Refuse invalid lines; exit with 1 if a line fails.")
_STORE = typer.Option(metavar="FOLDER", help="Cache of speech, shared by later runs and books.")
_DEVICE = typer.Option(metavar="NAME", help="Device: auto, cpu, cuda, mps; cuda:0,cuda:1 for two.")
_FORMAT = typer.Option("--format", metavar="NAME", help="Audio: wav, flac, ogg, opus, mp3, …")
_REF = typer.Option("--ref", "-r", metavar="FILE", help="Recording to clone where a line has none.")
_WORDS = typer.Option("--transcript", metavar="TEXT", help="Transcript of that recording.")
_SPEAK_IN = typer.Option("--language", metavar="CODE", help="Language of lines without one.")


@model_flags.with_model_options
def bulk(
    source: Annotated[Path, typer.Argument(metavar="LINES", help=".jsonl, .csv or .tsv")],
    output: Annotated[str, _OUT],
    model: o.Model = None,
    vocoder: o.Vocoder = None,
    voice: o.Voice = None,
    ref: Annotated[Path | None, _REF] = None,
    transcript: Annotated[str | None, _WORDS] = None,
    language: Annotated[str | None, _SPEAK_IN] = None,
    speed: o.Speed = 1.0,
    seed: o.Seed = 0,
    on_problem: o.OnProblem = "error",
    audio_format: Annotated[str, _FORMAT] = "flac",
    sample_rate: o.SampleRate = None,
    workers: Annotated[int, _WORKERS] = 1,
    threads: Annotated[int, _THREADS] = 0,
    batch: Annotated[int, _BATCH] = 8,
    ray: Annotated[str | None, _RAY] = None,
    shard: Annotated[str, _SHARD] = "1/1",
    retry: Annotated[bool, _RETRY] = False,
    verify: Annotated[bool, _VERIFY] = False,
    strict: Annotated[bool, _STRICT] = False,
    store: Annotated[Path | None, _STORE] = None,
    device: Annotated[str, _DEVICE] = "auto",
    precision: o.Precision = "auto",
    fast: o.Fast = False,
    settings: o.Settings = None,
    as_json: o.Json = False,
    *,
    options: dict[str, Any],
) -> None:
    """Speak a list of texts, each into a file of its own.

    A line is {"id", "text"}, and where needed voice, ref, transcript, language, speed, seed,
    options, out. The same command resumes an interrupted run.
    """
    given = locals()
    made = _made({name: value for name, value in given.items() if name != "as_json"})
    _told(made, output, as_json)
    nothing = not made.done and (made.failed or made.wrong)
    if nothing or (strict and made.failed):
        raise typer.Exit(1)


def _made(given: dict[str, Any]) -> Bulk:
    """The work that was asked for."""
    from vivavoce.bulk import Loading, Manner, run
    from vivavoce.bulk.planning import Shard

    if given["batch"] < 1:
        raise UsageError(f"--batch is {given['batch']}.", "Use 1 or more.")
    if given["voice"] is not None and given["ref"] is not None:
        raise UsageError("--voice and --ref are mutually exclusive.", "Give one of them.")
    names = ("device", "precision", "fast", "threads")
    loading = Loading(given["model"] or "", given["vocoder"] or "", *(given[n] for n in names))
    texts = ("voice", "ref", "transcript", "language", "store")
    manner = Manner(
        given["audio_format"],
        given["sample_rate"] or 0,
        given["batch"],
        options=model_flags.merged(given["options"], given["settings"]),
        **{name: str(given[name] or "") for name in texts},
        **{name: given[name] for name in ("speed", "seed", "on_problem")},
    )
    flags = ("workers", "ray", "retry", "verify", "strict")
    shard = Shard.parse(given["shard"])
    with Progress("speaking", "utterances") as bar:
        return run(
            given["source"],
            given["output"],
            loading=loading,
            manner=manner,
            tts=_engine(loading, manner, given["workers"], given["ray"]),
            shard=shard,
            on_row=_Heard(bar),
            **{name: given[name] for name in flags},
        )


def _engine(loading: Loading, manner: Manner, workers: int, ray: str | None) -> Any:
    """The model, where it speaks in this process."""
    from vivavoce.cli.output import download

    download(loading.model or None, loading.vocoder or None)
    if ray is not None or workers != 1 or "," in loading.device:
        return None
    from vivavoce.speech import load as loads

    tts = loads.load(
        loading.model or None,
        vocoder=loading.vocoder or None,
        device=loading.device,
        precision=loading.precision,
        fast=loading.fast,
    )
    model_flags.require_known(manner.options, tts)
    return tts


class _Heard:
    """A bar on a terminal, and the first errors as they come."""

    def __init__(self, bar: Progress) -> None:
        self._bar, self._failed = bar, 0

    def __call__(self, done: int, count: int, row: BulkRow) -> None:
        self._bar(done, count, row.id)
        if row.failed:
            self._failed += 1
            if self._failed <= SHOWN:
                say(f"error: {row.id}: {row.reason}")


def _told(made: Bulk, output: str, as_json: bool) -> None:
    if as_json:
        emit(made.as_dict(), True, str)
    bad = made.failed + made.wrong
    where = "errors.jsonl" if "://" in output else Path(output) / "errors.jsonl"
    more = f"; {bad} lines failed, see {where}" if bad else ""
    say(f"wrote {made.spoken} files to {output}, {made.done} of {made.items} are complete{more}")
