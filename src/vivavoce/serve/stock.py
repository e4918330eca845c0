"""What this machine can serve: tables of models and voices from the library."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vivavoce.hub import library
from vivavoce.models import MODELS
from vivavoce.serve.config import ServeConfig
from vivavoce.serve.table import ModelRow, Table, VoiceRow
from vivavoce.speech.load import DEFAULT_MODEL, load, require
from vivavoce.speech.voices import voices_list

if TYPE_CHECKING:
    from vivavoce.speech.engine import TTS

Loaders = dict[str, Callable[[], "TTS"]]


def stock(config: ServeConfig) -> tuple[Table, Loaders]:
    """The models asked for (default: the bundled one) and all voices that fit one of them.

    Raises UnknownModel for what is not on this machine, BadCheckpoint, and UsageError or
    UnsupportedDevice for a model that cannot run as the configuration says.
    """
    loaders: Loaders = {}
    models: list[ModelRow] = []
    voices: list[VoiceRow] = []
    for asked in config.models or (DEFAULT_MODEL,):
        manifest = library.show(asked).plain()
        if not manifest.get("installed"):
            library.path(asked)  # says how to get it
        row = model_row(manifest)
        require(row.name, MODELS.family(row.family).model, config.device, config.precision)
        models.append(row)
        voices += speakers(row, manifest.get("speakers") or ())
        loaders[row.name] = _loader(asked, config)
    voices += own_voices(models)
    return Table(models, unique(voices), config.aliases), loaders


def model_row(manifest: Mapping[str, Any]) -> ModelRow:
    """A model's manifest as a row."""
    model = MODELS.family(manifest["family"]).model
    place = Path(manifest.get("path", ""))
    return ModelRow(
        name=manifest["name"],
        family=manifest["family"],
        languages=tuple(manifest.get("languages", ())),
        licence=manifest.get("licence", ""),
        sample_rate=int(manifest.get("features", {}).get("sample_rate", 24_000)),
        clones=model.traits.clones,
        times_words=model.traits.times_words,
        options=tuple(field.name for field in fields(model.options_type)),
        created=int(place.stat().st_mtime) if place.exists() else 0,
        weights=str(manifest.get("weights", {}).get("sha256", "")),
    )


def speakers(model: ModelRow, names: Iterable[str]) -> list[VoiceRow]:
    """The voices a model brings along; one that has a single voice gives it the model's name."""
    names = list(names)
    if not names and not model.clones:
        return [_speaker(model, model.name, "")]
    return [_speaker(model, name, name) for name in names]


def own_voices(models: Iterable[ModelRow]) -> list[VoiceRow]:
    """The user's voices on this machine, each for the first served model of its family."""
    families: dict[str, ModelRow] = {}
    for model in models:
        families.setdefault(model.family, model)
    saved = (row for row in voices_list() if "path" in row and row["family"] in families)
    return [
        VoiceRow(
            id=row["name"],
            name=row["name"],
            model=families[row["family"]].name,
            language=row["language"],
            licence=row["licence"],
            file=Path(row["path"]),
            created=int(Path(row["path"]).stat().st_mtime),
        )
        for row in saved
    ]


def unique(voices: Iterable[VoiceRow]) -> Iterator[VoiceRow]:
    """Two models may have speakers of one name: the later one is called `MODEL/NAME`."""
    known: set[str] = set()
    for voice in voices:
        name = voice.id if voice.id not in known else f"{voice.model}/{voice.id}"
        known.add(name)
        yield replace(voice, id=name)


def _speaker(model: ModelRow, name: str, speaker: str) -> VoiceRow:
    return VoiceRow(
        id=name,
        name=name,
        model=model.name,
        language=", ".join(model.languages),
        licence=model.licence,
        speaker=speaker,
        created=model.created,
    )


def _loader(name: str, config: ServeConfig) -> Callable[[], TTS]:
    return lambda: load(name, device=config.device, precision=config.precision)
