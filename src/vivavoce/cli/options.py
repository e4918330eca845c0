"""Options that several commands share, described once and grouped for the help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def _in(panel: str, help_text: str, *names: str, metavar: str | None = None) -> Any:
    """An option shown in the group `panel` of the help."""
    return typer.Option(*names, help=help_text, rich_help_panel=panel, metavar=metavar)


def _text(help_text: str, *names: str, metavar: str | None = None) -> Any:
    return _in("Text", help_text, *names, metavar=metavar)


def _voice(help_text: str, *names: str, metavar: str | None = None) -> Any:
    return _in("Voice", help_text, *names, metavar=metavar)


def _output(help_text: str, *names: str, metavar: str | None = None) -> Any:
    return _in("Output", help_text, *names, metavar=metavar)


def _advanced(help_text: str, *names: str, metavar: str | None = None) -> Any:
    return _in("Advanced", help_text, *names, metavar=metavar)


_MODEL = _voice("Model name, path or hf:// address.", "--model", "-m", metavar="NAME")
_VOCODER = _voice("Vocoder in place of the model's own.", metavar="NAME")
_REF = _voice("Reference recording to clone; repeatable.", "--ref", "-r", metavar="FILE")
_WORDS = _voice("Transcript of the reference; - is standard input.", metavar="TEXT")
_WORDS_FILE = _voice("Text file with the words of the reference.", metavar="FILE")
_ASR = _voice("Transcribe the reference automatically (needs vivavoce[asr]).", "--transcribe")
_SPOKEN_IN = _voice("Language of the recording, BCP 47 [default: en].", metavar="CODE")
_FILE = _output("Audio file, - for stdout [default: speech.wav].", "--output", "-o", metavar="FILE")
_FORMAT = _output("wav, flac, pcm, aac, … [default: by suffix].", "--format", metavar="NAME")
_RATE = _output("Sample rate of the file [default: the model's].", metavar="HZ")
_LUFS = _output("Integrated loudness of the output, for example -16.", metavar="LUFS")
_EARLY = _output("Stream audio as it is generated, before quality checks finish.", "--stream")
_CAPTIONS = _output("Subtitle file to write: .srt, .vtt or .json; repeatable.", metavar="FILE")
_PROBLEM = _advanced("If a quality check fails: stop, keep, skip.", metavar="error|warn|skip")
_NUMBERS = _advanced("auto, float32, tf32, bfloat16, float16, int8 or fastest.", metavar="NAME")
_SPEAK_IN = _text("Language: de, zh-cn, … or auto.", "--language", metavar="CODE")
_GAP = _text("Silence after every sentence [default: natural].", metavar="SECONDS")
_BREAK = _text("Silence after every paragraph [default: natural].", metavar="SECONDS")
_CAST = _text("TOML file with the voices of [NAME] tags.", metavar="FILE")

_LORA = _voice("LoRA adapter to merge, as FILE[:SCALE]; repeatable.", metavar="FILE")
_VOCAB = _voice("Vocabulary file of the checkpoint.", metavar="FILE")
_CONFIG = _voice("Configuration file of the checkpoint.", metavar="FILE")

Text = Annotated[str | None, typer.Argument(metavar="TEXT|-", help="Text; - is standard input.")]
File = Annotated[Path | None, _text("UTF-8 text file to speak.", "--file", "-f", metavar="FILE")]
Spoken = Annotated[str | None, _SPEAK_IN]
CastFile = Annotated[Path | None, _CAST]
SentenceSilence = Annotated[float | None, _GAP]
ParagraphSilence = Annotated[float | None, _BREAK]
Notes = Annotated[bool, _text("Read reference marks such as [12] aloud.", "--read-notes")]

Model = Annotated[str | None, _MODEL]
Vocoder = Annotated[str | None, _VOCODER]
Lora = Annotated[list[str] | None, _LORA]
Vocab = Annotated[Path | None, _VOCAB]
Config = Annotated[Path | None, _CONFIG]
Voice = Annotated[str | None, _voice("Speaker or voice file.", "--voice", "-v", metavar="NAME")]
Recordings = Annotated[list[Path] | None, _REF]
Transcript = Annotated[str | None, _WORDS]
TranscriptFile = Annotated[Path | None, _WORDS_FILE]
Transcribe = Annotated[bool, _ASR]
Language = Annotated[str | None, _SPOKEN_IN]
Speed = Annotated[float, _voice("Speaking rate; 2 is twice as fast.", metavar="RATE")]

Output = Annotated[str, _FILE]
Format = Annotated[str | None, _FORMAT]
SampleRate = Annotated[int | None, _RATE]
Volume = Annotated[float, _output("Gain; negative is quieter.", metavar="DB")]
Loudness = Annotated[float | None, _LUFS]
Resume = Annotated[bool, _output("Continue an interrupted run.", "--resume")]
Stream = Annotated[bool, _EARLY]
Subtitles = Annotated[list[Path] | None, _CAPTIONS]
Verbose = Annotated[bool, _output("Print devices, reasons and timing.", "--verbose", "-V")]

Seed = Annotated[int, _advanced("Random seed, for repeatable results.", metavar="NUMBER")]
OnProblem = Annotated[str, _PROBLEM]
Settings = Annotated[list[str] | None, _advanced("Model option.", "--set", metavar="NAME=VALUE")]
Precision = Annotated[str, _NUMBERS]
Fast = Annotated[bool, _advanced("Fast settings of the model and the fastest precision.", "--fast")]
Device = Annotated[str, _advanced("Device: auto, cpu, cuda, cuda:N, mps or mlx.", metavar="NAME")]

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Offline = Annotated[bool, typer.Option("--offline", help="Use local files only.")]
