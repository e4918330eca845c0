"""How each kind of file is read, the way the package reads it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from vivavoce import config, files
from vivavoce.audio import io as audio_files
from vivavoce.checkpoints import read as checkpoint
from vivavoce.checkpoints.text_file import read_table
from vivavoce.hub import build, library, voice_file
from vivavoce.hub.read import WEIGHTS_INSIDE
from vivavoce.models import MODELS
from vivavoce.text.vocabulary import read_vocabulary
from vivavoce.train import checkpoint as states
from vivavoce.train import recipe
from vivavoce.vocoders import VOCODERS


def import_families() -> None:
    """What reading imports when it is first needed, once for all children."""
    for table in (MODELS, VOCODERS):
        for name in table.names:
            table.family(name)


def weights(path: Path) -> None:
    found = checkpoint.read(path, WEIGHTS_INSIDE)
    _look_at(found.tensors)
    _encode(found.other)


def scattered(path: Path) -> None:
    _look_at(checkpoint.scattered(path, "x"))


def table(path: Path) -> None:
    _encode(read_table(path))


def settings(path: Path) -> None:
    _encode(config.read(path))


def foreign(path: Path) -> None:
    """Import the checkpoint in the file's folder, as `vivavoce models import FOLDER` does."""
    folder = library.import_checkpoint(path.parent, family_of(path.parent), replace=True)
    model(folder / "model.toml")


def family_of(folder: Path) -> str:
    return (folder / "family").read_text()


def model(path: Path) -> None:
    """Load a stored model as far as its modules."""
    stored = library.open_model(str(path.parent))
    build.checked(stored)
    library.show(str(path.parent))


def voice(path: Path) -> None:
    _look_at(dict(voice_file.load(path).tensors))


def state(path: Path) -> None:
    """The newest state that is whole, and a message for each that is not: never an error."""
    found, messages = states.newest(path.parent.parent)
    steps = states.steps(path.parent.parent)
    assert found is not None, messages
    assert len(messages) == len([step for step in steps if step > found.step])
    _look_at(found.tensors)


LOADERS: dict[str, Callable[[Path], Any]] = {
    "weights": weights,
    "scattered": scattered,
    "statistics": checkpoint.statistics,
    "table": table,
    "config": settings,
    "vocabulary": read_vocabulary,
    "foreign": foreign,
    "model": model,
    "voice": voice,
    "state": state,
    "recipe": recipe.load,
    "cache": files.read_json,
    "recording": audio_files.read,
}


def _look_at(tensors: dict[str, Any]) -> None:
    """Every tensor can be read, and every name written."""
    for name, tensor in tensors.items():
        name.encode()
        if tensor.numel():
            tensor.reshape(-1)[[0, -1]].clone()


def _encode(value: Any) -> None:
    if isinstance(value, str):
        value.encode()
    elif isinstance(value, dict):
        for key, item in value.items():
            _encode(key)
            _encode(item)
    elif isinstance(value, list):
        for item in value:
            _encode(item)
