"""Texts with several voices: `[name]` before the words that a voice speaks, and who the names are.

Voices are made and used elsewhere.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from vivavoce import config
from vivavoce.errors import ConfigError, TextError, UsageError
from vivavoce.speech.plan import Utterance
from vivavoce.text.check import speakable
from vivavoce.types import Voice

R = TypeVar("R")
MAIN = "main"
"""Who speaks what stands before the first tag."""

TAG = re.compile(r"\[([^\[\]\n]+)\]")
OPTIONS = {"nfe_step": "steps", "cfg_strength": "guidance", "sway_sampling_coef": "sway"}
"""Keys of a cast file that are options of the model, under the names we have for them."""


@dataclass(frozen=True)
class Role:
    """The voice of a name. If it is a function, it is called when the voice is first needed.

    `speed` multiplies the general speed.
    """

    voice: str | Voice | Callable[[], Voice] | None = None
    speed: float = 1.0


Cast = Mapping[str, str | Voice | Role]
"""The names in tags and their voices; `main` is the voice of text without a tag."""


@dataclass(frozen=True)
class Line:
    """Consecutive text of one voice: `source[start:end]`, without the tag."""

    name: str
    start: int
    end: int


@dataclass(frozen=True)
class Part:
    """A role of a cast file: its recording and the transcript, which may be empty."""

    recording: Path
    transcript: str = ""
    speed: float = 1.0


@dataclass(frozen=True)
class Script:
    """A cast file: the parts, the text if there is one, the model's options, ignored keys."""

    parts: Mapping[str, Part]
    text: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    unused: tuple[str, ...] = ()


def lines(text: str, names: Collection[str]) -> Iterator[Line]:
    """The text cut at the tags of known names; brackets around anything else are text."""
    name, start = MAIN, 0
    for tag in _tags(text, names):
        yield Line(name, start, tag.start())
        name, start = unicodedata.normalize("NFC", tag[1]), tag.end()
    yield Line(name, start, len(text))


def names_in(text: str, names: Collection[str]) -> list[str]:
    """The known names in tags, each once."""
    return list(dict.fromkeys(unicodedata.normalize("NFC", t[1]) for t in _tags(text, names)))


def plan_cast(
    text: str,
    voice: str | Voice | Role | Cast | None,
    request: Callable[[Role], R],
    plan: Callable[[str, R], Iterable[Utterance]],
) -> Iterator[tuple[Utterance, R]]:
    """Every utterance with its request, counted over the whole text.

    `request` is called once for each voice, when it first speaks; `plan` splits its text.
    Lines with nothing to speak are left out; raises TextError if all are.
    """
    names = voice.keys() if isinstance(voice, Mapping) else ()
    cast = voice if isinstance(voice, Mapping) else {MAIN: voice}
    requests: dict[str, R] = {}
    index, refused = 0, None
    for line in lines(text, names):
        words = text[line.start : line.end]
        try:
            speakable(words)
        except TextError as error:
            refused = error if words.strip() else refused or error
            continue
        if line.name not in requests:
            requests[line.name] = request(_role(cast.get(line.name)))
        for utterance in plan(words, requests[line.name]):
            yield utterance.moved(line.start, index), requests[line.name]
            index += 1
    if not index and refused:
        raise refused


def read(path: str | Path) -> Script:
    """The TOML of F5-TTS for several voices; paths are relative to its folder or the one above.

    `ref_audio`, `ref_text` of the main voice; tables `[voices.NAME]` of the others, with a
    `speed` that takes the place of the general one; `gen_text` or `gen_file`; `nfe_step`,
    `cfg_strength`, `sway_sampling_coef`. Other keys are listed in `unused`.
    Raises ConfigError, UsageError for a text file that cannot be read.
    """
    path = Path(path)
    table, folder = config.read(path), path.absolute().parent
    speed = _number(table, "speed", "", 1.0)
    parts, unused = {}, []
    if _words(table, "ref_audio", ""):
        parts[MAIN] = _part(table, "", speed, folder)
    voices = table.get("voices", {})
    if not isinstance(voices, dict):
        raise ConfigError(f"voices: expected tables [voices.NAME], found {voices!r}.")
    for name, own in voices.items():
        where = f"voices.{name}."
        if not isinstance(own, dict) or not _words(own, "ref_audio", where):
            raise ConfigError(f"{path}: {where}ref_audio is missing.", "Name a recording.")
        parts[unicodedata.normalize("NFC", name)] = _part(own, where, speed, folder)
        unused += [where + key for key in own if key not in ("ref_audio", "ref_text", "speed")]
    known = {"ref_audio", "ref_text", "gen_text", "gen_file", "speed", "voices", *OPTIONS}
    if not parts:
        raise ConfigError(
            f"{path} has no recordings.", "Give ref_audio and ref_text, or tables [voices.NAME]."
        )
    options = {ours: table[theirs] for theirs, ours in OPTIONS.items() if theirs in table}
    return Script(
        parts, _text(table, folder), options, (*(k for k in table if k not in known), *unused)
    )


def _tags(text: str, names: Collection[str]) -> Iterator[re.Match[str]]:
    known = {unicodedata.normalize("NFC", name) for name in names}
    return (m for m in TAG.finditer(text) if unicodedata.normalize("NFC", m[1]) in known)


def _role(given: str | Voice | Role | None) -> Role:
    return given if isinstance(given, Role) else Role(given)


def _part(table: Mapping[str, Any], where: str, speed: float, folder: Path) -> Part:
    recording = _found(folder, _words(table, "ref_audio", where))
    own = _number(table, "speed", where, speed)
    return Part(recording, _words(table, "ref_text", where).strip(), own)


def _text(table: Mapping[str, Any], folder: Path) -> str:
    name = _words(table, "gen_file", "")
    if not name:
        return _words(table, "gen_text", "")
    file = _found(folder, name)
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"Cannot read {file}: {error}.", "Give a text file in UTF-8.") from error


def _found(folder: Path, name: str) -> Path:
    """The published examples name their files from a folder above their own."""
    places = [above / name for above in (folder, *folder.parents)]
    return next((place for place in places if place.is_file()), places[0])


def _words(table: Mapping[str, Any], key: str, where: str) -> str:
    value = table.get(key, "")
    if not isinstance(value, str):
        raise ConfigError(f"{where}{key}: expected text, found {value!r}.")
    return value


def _number(table: Mapping[str, Any], key: str, where: str, default: float) -> float:
    value = table.get(key, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
        raise ConfigError(f"{where}{key}: expected a number above 0, found {value!r}.")
    return float(value)
