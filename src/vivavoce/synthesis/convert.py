"""A foreign checkpoint, through the one door, into our store. Knows no family's names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from vivavoce import config as configs
from vivavoce import models, vocoders
from vivavoce.errors import BadCheckpoint, UnknownModel, near_misses
from vivavoce.weights import cache, checkpoint, pickles, stats, store
from vivavoce.weights.adapt import strict_load, without_numbers

CONFIG_NAMES = ("config.json", "config.yaml", "config.yml")
WEIGHTS_INSIDE = ("ema_model_state_dict", "model", "generator", "model_state_dict", "state_dict")


def is_config(file: Path) -> bool:
    return file.suffix in (".json", ".yaml", ".yml")


def to_store(file: Path, family: str, config: Path | None, name: str, licence: str = "") -> Path:
    """Read, adapt, check by loading strictly, store; the new model folder.

    Raises UnknownModel for the family, BadCheckpoint for weights that do not fit, ConfigError.
    """
    kind, package = _package(family)
    if not file.is_file():
        raise BadCheckpoint(f"There is no file {file}.", "Check the path.")
    config = config or _beside(file)
    foreign = read_foreign(config)
    tensors = checkpoint.read(file, WEIGHTS_INSIDE).tensors
    statistics = stats.beside(config.parent, (foreign.get("audio") or {}).get("stats_path"))
    tables = package.convert.tables(foreign, tensors, statistics)
    ours, _ = package.convert.adapt(tensors)
    with without_numbers():
        module = package.build(tables)
    strict_load(module, ours)
    folder = cache.models() / _safe(name)
    manifest = {"kind": kind, "family": family, "name": folder.name, "licence": licence}
    named = {"speakers": found} if (found := speaker_names(config.parent, foreign)) else {}
    store.save(folder, manifest | tables | named, module.state_dict())
    return folder


def speaker_names(folder: Path, foreign: dict[str, Any]) -> list[str]:
    """Names in the order of the embedding's rows, from the speaker file beside a configuration.

    Coqui writes `{name: row}` as JSON or as a pickle. Empty when there is no such file.
    """
    arguments = foreign.get("model_args") or {}
    wanted = foreign.get("speakers_file") or arguments.get("speakers_file") or ""
    for name in (Path(wanted).name, "speaker_ids.json", "speakers.json", "speakers.pth"):
        file = folder / name
        if not name or not file.is_file():
            continue
        table = read_foreign(file) if is_config(file) else pickles.read(file).value
        if isinstance(table, dict) and all(isinstance(row, int) for row in table.values()):
            return [str(key) for key, _ in sorted(table.items(), key=lambda item: item[1])]
    return []


def read_foreign(file: Path) -> dict[str, Any]:
    """A foreign configuration as plain data: JSON (comments allowed, as in Coqui's) or YAML."""
    if file.suffix == ".json":
        try:
            return configs.read(file)
        except configs.ConfigError:
            text = re.sub(r"(?m)^\s*//.*$|\s//\s.*$", "", file.read_text(encoding="utf-8"))
            import json

            try:
                return json.loads(text)
            except ValueError as error:
                raise BadCheckpoint(f"{file} is not valid JSON: {error}.") from error
    import yaml

    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise BadCheckpoint(f"{file} is not valid YAML: {error}.") from error


def _package(family: str) -> tuple[str, Any]:
    if family in models.FAMILIES:
        return "acoustic", models.family(family)
    if family in vocoders.FAMILIES:
        return "vocoder", vocoders.family(family)
    known = [*models.FAMILIES, *vocoders.FAMILIES]
    raise UnknownModel(f"There is no family '{family}'.", near_misses(family, known))


def _beside(file: Path) -> Path:
    for name in CONFIG_NAMES:
        if (file.parent / name).is_file():
            return file.parent / name
    raise BadCheckpoint(
        f"There is no configuration beside {file}.", "Name it with --config config.json."
    )


def _safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "model"
