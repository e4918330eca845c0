"""`vivavoce speak`: text to a file or a pipe, streamed, so that a book needs no more memory."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vivavoce import files
from vivavoce.cli import model_flags
from vivavoce.cli import options as o
from vivavoce.cli.output import destination, download, report, subtitle_files
from vivavoce.cli.terminal import Progress, say
from vivavoce.cli.voicing import label_of, source_text, speaker, spoken_language, voice_of
from vivavoce.cli.writing import Writing
from vivavoce.errors import UsageError

if TYPE_CHECKING:
    from vivavoce.speech.cast import Cast
    from vivavoce.speech.engine import TTS
    from vivavoce.speech.session import Stages
    from vivavoce.text.passages import Style
    from vivavoce.types import Voice, Word


@model_flags.with_model_options
def speak(
    text: o.Text = None,
    file: o.File = None,
    output: o.Output = "",
    model: o.Model = None,
    vocoder: o.Vocoder = None,
    lora: o.Lora = None,
    vocab: o.Vocab = None,
    config: o.Config = None,
    voice: o.Voice = None,
    ref: o.Recordings = None,
    transcript: o.Transcript = None,
    transcript_file: o.TranscriptFile = None,
    transcribe: o.Transcribe = False,
    language: o.Spoken = None,
    cast: o.CastFile = None,
    speed: o.Speed = 1.0,
    sentence_silence: o.SentenceSilence = None,
    paragraph_silence: o.ParagraphSilence = None,
    read_notes: o.Notes = False,
    seed: o.Seed = 0,
    on_problem: o.OnProblem = "error",
    device: o.Device = "auto",
    precision: o.Precision = "auto",
    fast: o.Fast = False,
    stream: o.Stream = False,
    audio_format: o.Format = None,
    sample_rate: o.SampleRate = None,
    volume: o.Volume = 0.0,
    loudness: o.Loudness = None,
    resume: o.Resume = False,
    subtitles: o.Subtitles = None,
    settings: o.Settings = None,
    as_json: o.Json = False,
    verbose: o.Verbose = False,
    *,
    options: dict[str, Any],
) -> None:
    """Speak a text.

    [NAME] in the text switches to the voice of that name.
    """
    target, captions = destination(output, audio_format, as_json), subtitle_files(subtitles or [])
    writing = Writing(target, audio_format, sample_rate, volume, loudness, resume)
    writing.check(stream)
    how = model_flags.merged(options, settings)
    if text == transcript == "-":
        raise UsageError("TEXT and --transcript are both standard input.", "Give one as a file.")
    who = speaker(voice, ref, transcript, transcript_file, language, transcribe, cast)
    source = _speakable(source_text(text, file, who, cast))
    style = _style(sentence_silence, paragraph_silence, read_notes)
    loading = {"vocoder": vocoder, "device": device, "precision": precision, "fast": fast}
    loading |= {"lora": tuple(lora or ()), "vocabulary": vocab, "config": config}
    tts = loaded(model, loading, verbose, captions)
    how = who.options | how | spoken_language(tts, who)
    model_flags.require_known(how, tts)
    spoken_by = voice_of(tts, who, source)
    how |= {"speed": speed, "seed": seed, "on_problem": on_problem, "early": stream, "style": style}
    summary = perform(tts, source, spoken_by, writing, captions, how)
    report(summary | {"voice": label_of(spoken_by, who), "seed": seed}, as_json, verbose)


def _speakable(source: str) -> str:
    from vivavoce.text.check import speakable

    speakable(source)
    return source


def _style(
    sentence_silence: float | None, paragraph_silence: float | None, read_notes: bool
) -> Style:
    from vivavoce.text.passages import Style

    return Style(sentence_s=sentence_silence, paragraph_s=paragraph_silence, notes=read_notes)


def loaded(model: str | None, loading: dict[str, Any], verbose: bool, captions: list[Path]) -> TTS:
    """The engine, downloaded first where an address is given. `loading` is what `load` takes."""
    from vivavoce.hub.fetch import Given
    from vivavoce.speech.load import load  # torch comes in here

    download(model, loading["vocoder"], Given(loading["config"], loading["vocabulary"]))
    tts = load(model, **loading)
    if captions and not tts.times_words:
        raise UsageError(
            f"'{tts.name}' does not produce word timings, so --subtitles is unavailable.",
            "Leave --subtitles out, or use a model with its own speakers.",
        )
    if verbose:
        say(f"acoustic  {tts.name} on {tts.selection.name}: {tts.selection.reason}")
        decoding, kind = tts.vocoder_selection, type(tts.vocoder).__name__.lower()
        say(f"vocoder   {kind} on {decoding.name}: {decoding.reason}")
    return tts


def perform(
    tts: TTS,
    source: str,
    voice: str | Voice | Cast | None,
    writing: Writing,
    captions: list[Path],
    how: dict[str, Any],
) -> dict[str, Any]:
    """Speak into the target piece by piece; what there is to say about it, as plain data.

    After an error or an interruption it says what was kept, and how to go on.
    """
    from vivavoce.audio.loudness import from_db
    from vivavoce.speech.session import Stages
    from vivavoce.speech.timing import subtitles

    stages, warnings = Stages(), list[str]()
    words: list[Word] = []
    first_s, samples, place, begin = None, 0, 0, time.perf_counter()
    gain = from_db(writing.volume_db)
    with (
        writing.keeping(tts) as keeping,
        Progress("speaking", "characters") as progress,
        writing.open(tts.sample_rate) as writer,
    ):

        def on_step(done: int, total: int) -> None:
            progress(place, len(source), f"step {done}/{total}")

        how |= {"stages": stages, "on_step": on_step, "keeping": keeping}
        for chunk in tts.stream(source, voice, **how):
            first_s = first_s if first_s is not None else time.perf_counter() - begin
            writer.write(chunk.samples * gain)
            samples += len(chunk.samples)
            for warning in chunk.warnings:
                say(f"warning: {warning}")
            warnings += chunk.warnings
            words += chunk.words if captions else ()
            place = chunk.end
            progress(place, len(source))
    elapsed = time.perf_counter() - begin
    for warning in (after := writing.warnings(writer)):
        say(f"warning: {warning}")
    for path in captions:
        files.write_text(path, subtitles(words, path.suffix.lower().lstrip(".")))
    seconds = samples / tts.sample_rate
    return _summary(tts, stages) | {
        "file": str(writing.target or "-"),
        "seconds": round(seconds, 3),
        "rtf": round(elapsed / seconds, 4),
        "first_audio_ms": round(1000 * (first_s or 0.0), 1),
        "subtitles": [str(path) for path in captions],
        "warnings": warnings + after,
    }


def _summary(tts: TTS, stages: Stages) -> dict[str, Any]:
    """Of what ran where."""
    return {
        "stages_s": {name: round(spent, 4) for name, spent in stages.seconds.items()},
        "model": tts.name,
        "device": tts.selection.name,
        "reason": tts.selection.reason,
        "vocoder_device": str(tts.vocoder_selection.device),
        "vocoder_reason": tts.vocoder_selection.reason,
    }
