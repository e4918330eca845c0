"""Options that several commands share, spelt once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vivavoce.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from vivavoce.speech.engine import TTS

OWN_OPTIONS = ("text", "voice", "speed", "seed", "on_problem", "on_step", "stages", "language")

Model = Annotated[
    str | None,
    typer.Option("--model", "-m", help="A model's name, hf:// address or path [default: bundled]."),
]
Vocoder = Annotated[
    str | None, typer.Option(help="Another vocoder than the model's own: name, address or path.")
]
Text = Annotated[str | None, typer.Argument(metavar="TEXT|-", help="- is standard input.")]
Precision = Annotated[
    str, typer.Option(help="float32, bfloat16, float16, int8 or fastest, for models that may.")
]
Fast = Annotated[bool, typer.Option("--fast", help="Fewer steps, and the fastest precision here.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Offline = Annotated[bool, typer.Option("--offline", help="Ask no server: what is here or nothing.")]
Output = Annotated[
    str, typer.Option("--output", "-o", help="Audio file, or - [default: speech.wav].")
]
Format = Annotated[
    str | None,
    typer.Option("--format", help="wav, flac, pcm, aac … [default: by the name, wav for -]."),
]
SampleRate = Annotated[
    int | None, typer.Option(metavar="HZ", help="Of the file [default: the model's].")
]
Volume = Annotated[float, typer.Option(metavar="DB", help="Louder or, below 0, softer.")]
Loudness = Annotated[
    float | None, typer.Option(metavar="LUFS", help="Of the whole, such as -16 or -23.")
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with what an interrupted run kept.")]
Transcript = Annotated[
    str | None, typer.Option(help="The words said in the recording (- for standard input).")
]
TranscriptFile = Annotated[Path | None, typer.Option(help="A text file with those words.")]
Transcribe = Annotated[
    bool, typer.Option("--transcribe", help="Find out the words: vivavoce[asr].")
]
Verbose = Annotated[bool, typer.Option("--verbose", "-V", help="Say what runs where.")]
Speed = Annotated[float, typer.Option(help="Larger is faster.")]

# How to speak. What is not given is not passed on: the model's own default holds, and a model
# without such an option is not bothered.
Seed = Annotated[int, typer.Option(help="The same seed gives the same audio.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A model's option.")
]
Steps = Annotated[int | None, typer.Option(help="Fewer is faster, more is finer (7, 16, 32).")]
Guidance = Annotated[
    float | None, typer.Option(help="How closely to follow voice and text; 0 is twice as fast.")
]
NoNormalise = Annotated[
    bool, typer.Option("--no-normalise", help="Leave numbers and dates as they are written.")
]
OnProblem = Annotated[
    str, typer.Option(metavar="error|warn", help="What to do with audio that is not speech.")
]
Language = Annotated[str | None, typer.Option(help="Of the recording, BCP 47 [default: en].")]
Spoken = Annotated[
    str | None,
    typer.Option("--language", help="Of the recording, and to speak: de, zh-cn …, or auto."),
]

# Who speaks, what with, and what for.
Voice = Annotated[
    str | None, typer.Option("--voice", "-v", help="Who speaks: a name or a voice file.")
]
Recordings = Annotated[
    list[Path] | None,
    typer.Option("--ref", "-r", help="Or: a recording of who speaks; may repeat."),
]
CastFile = Annotated[
    Path | None, typer.Option(help="A TOML file: who speaks after [name] in the text.")
]
File = Annotated[Path | None, typer.Option("--file", "-f", help="A UTF-8 text file.")]
Duration = Annotated[
    float | None, typer.Option(metavar="SECONDS", help="Of every chunk [default: natural].")
]
Temperature = Annotated[float | None, typer.Option(help="Lower is steadier; 0 leaves no chance.")]
TopP = Annotated[float | None, typer.Option(help="Draw from this share of the probability.")]
TopK = Annotated[int | None, typer.Option(help="Draw from this many; 0 is all.")]
Repetition = Annotated[
    float | None, typer.Option("--repetition-penalty", help="Above 1: against repeating.")
]
Stream = Annotated[
    bool, typer.Option("--stream", help="Write each piece at once, before the rest is judged.")
]
Subtitles = Annotated[
    list[Path] | None, typer.Option(help="Also write word times: .srt, .vtt or .json.")
]

SPELT = {"normalise": "--no-normalise", "duration_s": "--duration"}
NAMED = (
    *("speed", "steps", "guidance", "language"),
    *("temperature", "top_p", "top_k", "repetition_penalty"),
)


def model_options(
    settings: list[str] | None, no_normalise: bool, **named: float | None
) -> dict[str, Any]:
    """What was asked of the model, `--set` included. Raises UsageError, ConfigError."""
    from vivavoce.config import apply_overrides

    options = apply_overrides({}, settings or [])
    for name in options:
        if name in OWN_OPTIONS:
            flag = name.replace("_", "-")
            raise UsageError(f"'{name}' is not set with --set.", f"Use --{flag}.")
    given = named | {"normalise": False if no_normalise else None}
    return options | {name: value for name, value in given.items() if value is not None}


def require_known(asked: Iterable[str], tts: TTS) -> None:
    """Raises ConfigError, in the words of the command line, for what the model has no option of."""
    known = [field.name for field in fields(tts.model.options_type)]
    for name in asked:
        if name not in known:
            has = ", ".join(_typed(one) for one in known)
            raise ConfigError(f"'{tts.name}' has no {_typed(name)}.", f"It has: {has}.")


def _typed(option: str) -> str:
    if option in NAMED:
        return "--" + option.replace("_", "-")
    return SPELT.get(option, f"--set {option}")
