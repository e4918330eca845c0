"""Data for training: recordings or a data set into clips with texts, checked; times of phonemes.

`vivavoce.data.prepare(source, output)` and `vivavoce.data.align(source, output)`; `vivavoce train`
reads what they write.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from vivavoce.data.config import PrepareConfig
from vivavoce.errors import UsageError
from vivavoce.types import OnProgress, no_progress

if TYPE_CHECKING:
    from vivavoce.data.forced_alignment import AlignedSet
    from vivavoce.data.recognition import Listener
    from vivavoce.data.results import Prepared
    from vivavoce.speech.transcribe import Transcriber

__all__ = ["AlignedSet", "PrepareConfig", "Prepared", "align", "prepare"]

MODEL = "large-v3-turbo"
"""The recogniser's, where none is named."""


def prepare(
    source: str | Path,
    output: str | Path,
    config: PrepareConfig | None = None,
    *,
    format: str = "",  # noqa: A002 - the word everybody uses
    transcripts: str | Path | None = None,
    edits: str | Path | None = None,
    transcriber: Transcriber | str | None = MODEL,
    verify: bool = False,
    report: str | Path | None = "",
    workers: int = 0,
    on_progress: OnProgress = no_progress,
) -> Prepared:
    """Make a set of training clips from recordings, which are not changed.

    `source` is a folder, one recording, or a data set, whose `format` is detected. `output` gets
    `manifest.jsonl`, `clips/`, `rejected.jsonl` and `report.html` (or `report`; None: no report).
    Texts come from the data set, from `transcripts` (a list, or subtitles of one recording), or
    from `transcriber`: a function, or a model of faster-whisper (extra `asr`; without it clips
    without a text are left out). `verify` also compares given texts with the recogniser's.
    `edits` is a csv file of corrections with the columns id, keep and text.
    Results of a function are cached under its qualified name: use one output per function.
    The same call resumes an interrupted run, and computes only what is new.

    Raises UsageError (nothing to read, a folder that holds something else), OutputError,
    TrainingError (another process prepares the same folder), DownloadError (the recogniser).
    """
    from vivavoce.data import pipeline
    from vivavoce.data.report import page

    listener = _listener(transcriber, verify)
    request = pipeline.PrepareRequest(
        source=Path(source),
        output=Path(output),
        config=config or PrepareConfig(),
        format=format,
        transcripts=None if transcripts is None else Path(transcripts),
        edits=None if edits is None else Path(edits),
        listener=listener,
        workers=workers,
    )
    result = pipeline.prepare(request, on_progress)
    if report is not None:
        result = page.write(result, Path(report) if report else None, on_progress)
    pipeline.finish(result)
    return result


def align(
    source: str | Path,
    output: str | Path,
    model: str = "linnet",
    *,
    vocoder: str | None = None,
    device: str = "auto",
    on_progress: OnProgress = no_progress,
) -> AlignedSet:
    """Align phonemes with a data set and measure pitch, to fine-tune `forward` voices.

    `source` is a prepared folder, a `jsonl` manifest, or a list in LJSpeech's form. `model`
    synthesises the texts, and its speech is aligned with the recordings: it must have word times,
    and works best if it sounds like the speaker (run it again after fine-tuning). `output` is a
    `jsonl` manifest with `tokens`, `durations_s`, `pitch_hz` and `cycles`. Clips that do not sound
    like their text are left out and listed.

    Raises UsageError (no such source; a model without word times), TrainingError (rows
    that cannot be read; no clip fits its text), OutputError.
    """
    from vivavoce.data import forced_alignment
    from vivavoce.speech.load import load
    from vivavoce.train.recipe import DataSource

    path = Path(source)
    if not path.exists():
        raise UsageError(f"There is no file or folder {path}.", "Check the path.")
    rows = DataSource(path=path, format="jsonl" if path.suffix == ".jsonl" else "ljspeech")
    tts = load(model, vocoder=vocoder, device=device)
    return forced_alignment.align(rows, Path(output), tts, on_progress)


def _listener(transcriber: Transcriber | str | None, verify: bool) -> Listener | None:
    """None where there is nobody to listen. Raises MissingExtra if words are to be verified."""
    from vivavoce.data.recognition import Listener
    from vivavoce.speech.transcribe import default_transcriber

    if transcriber is None:
        return None
    if not isinstance(transcriber, str):
        kind = transcriber if hasattr(transcriber, "__qualname__") else type(transcriber)
        return Listener(transcriber, f"{kind.__module__}.{kind.__qualname__}", verify)
    if not verify and find_spec("faster_whisper") is None:
        return None
    return Listener(default_transcriber(transcriber), transcriber, verify)


def __getattr__(name: str) -> type[Prepared] | type[AlignedSet]:
    if name == "AlignedSet":
        from vivavoce.data.forced_alignment import AlignedSet

        return AlignedSet
    if name == "Prepared":
        from vivavoce.data.results import Prepared

        return Prepared
    raise AttributeError(f"module 'vivavoce.data' has no attribute '{name}'")
