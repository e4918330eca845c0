"""Files -> Raw, what a checkpoint's files say -> Stored, the same under our names.

Which names a family has and what they become is its importer's knowledge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from torch import Tensor

from vivavoce.checkpoints import onnx_graph, store
from vivavoce.checkpoints import read as checkpoint
from vivavoce.checkpoints.companions import Companion
from vivavoce.checkpoints.importer import Stats
from vivavoce.checkpoints.text_file import read_table, read_text
from vivavoce.errors import BadCheckpoint, UnknownModel
from vivavoce.hub import families, lora, remote
from vivavoce.hub.address import parse
from vivavoce.hub.download import is_cut
from vivavoce.hub.fetch import CONFIG_NAMES, GRAPH, Files, is_config
from vivavoce.limits import describe, guard

WEIGHTS_INSIDE = ("ema_model_state_dict", "model", "generator", "model_state_dict", "state_dict")


@dataclass(frozen=True)
class Raw:
    """What the files of a checkpoint say, under their makers' names.

    `config` is the configuration, `found` the other things an importer may ask for by name: the
    text of a vocabulary, `source`, the catalogue's `variant`, what the wiring of an ONNX `graph`
    tells, and in `checkpoint` the plain values beside the tensors.
    """

    family: str
    tensors: dict[str, Tensor]
    config: dict[str, Any]
    found: dict[str, Any]
    folder: Path
    statistics: Stats | None


@dataclass(frozen=True)
class Stored:
    """A model as our store has it: the tables of `model.toml`, and tensors under our names."""

    manifest: dict[str, Any]
    tensors: dict[str, Tensor]


def read_stored(folder: Path) -> Stored:
    """A model folder of ours; its weights may lie elsewhere, where nothing is asked of a server.

    Raises BadCheckpoint, UnknownModel where the weights are gone.
    """
    manifest = store.read_manifest(folder)
    source = remote.weights_of(manifest)
    if source is None:
        return Stored(*store.load(folder))
    if (file := remote.cached(source)) is None:
        raise UnknownModel(
            f"The weights of '{folder.name}' are gone from {source}.",
            f"Run: vivavoce models get {folder.name}",
        )
    files = Files((file,), source, tuple(file.parent.glob(lora.CONFIG)))
    tensors, *_ = _tensors(files, check=False)
    return Stored(manifest, _adapted(manifest["family"], tensors, file))


def read(files: Files, family: str = "") -> Raw:
    """Everything that the files say, checked for numbers that are none, not copied.

    Without `family`, each is asked whether it recognises the tensors. A damaged copy of a download
    is deleted. Raises UnknownModel for the family, BadCheckpoint.
    """
    if family:
        families.kind_of(family)
    tensors, graph, other = _tensors(files)
    family = _family(family, files.weights[0], tensors)
    importer = families.importer(family)
    file = _config(files, importer.config_needed)
    if file is None and importer.config_needed:
        raise BadCheckpoint(
            f"There is no configuration beside {files.weights[0]}.",
            "Put its config.json into the same folder, or name it with --config config.json.",
        )
    config = read_table(file) if file else {}
    folder = (file or files.weights[0]).parent
    found: dict[str, Any] = {"source": str(files.source), "graph": graph, "checkpoint": other}
    found["variant"] = files.entry.variant if files.entry else ""
    for key, wanted in importer.companions.items():
        if wanted.unless and any(name.endswith(wanted.unless) for name in tensors):
            continue
        if (beside := _companion(files, key, wanted, config)) is None:
            continue
        if wanted.tensors:
            more = checkpoint.scattered(beside, key)
            checkpoint.refuse_not_finite(more.items())
            tensors |= more
        else:
            found[key] = read_text(beside)
    if importer.from_text is not None:
        tensors |= importer.from_text(found)
    audio = config.get("audio")
    named = _file_name(audio, "stats_path") if isinstance(audio, dict) else ""
    statistics = checkpoint.statistics_beside(folder, named)
    return Raw(family, tensors, config, found, folder, statistics)


def adapt(raw: Raw, files: Files) -> Stored:
    """A manifest of ours and the tensors under our names. Raises BadCheckpoint."""
    config = raw.config | {"found": raw.found}
    # Settings of a wrong type or size break whoever believes them: one guard for every family.
    with guard(files.weights[0], advice="Check the configuration beside the weights."):
        tables = families.importer(raw.family).tables(config, raw.tensors, raw.statistics)
        ours = _adapted(raw.family, raw.tensors, files.weights[0])
    if names := speaker_names(raw.folder, raw.config):
        tables["speakers"] = names
    licence = files.entry.licence if files.entry else ""
    kind = families.kind_of(raw.family)
    manifest = {"kind": kind, "family": raw.family, "licence": licence, "name": files.name}
    return Stored(manifest | tables, ours)


def with_adapter(stored: Stored, files: Files, scale: float | None = None) -> Stored:
    """The model with a LoRA adapter merged. Raises BadCheckpoint where it is of another model."""
    file = files.weights[0]
    tensors = checkpoint.read(file, WEIGHTS_INSIDE).tensors
    checkpoint.refuse_not_finite(tensors.items())
    if not lora.is_adapter(tensors):
        raise BadCheckpoint(f"{file} is not a LoRA adapter.", "Load a whole model with -m.")
    adapter = lora.unwrapped(tensors, _adapter_settings(files, {}), file, scale)
    adapt_names = families.importer(stored.manifest["family"]).adapt
    merged = lora.merge(stored.tensors, adapter, adapt_names, file)
    return Stored(stored.manifest, merged)


def _tensors(
    files: Files, check: bool = True
) -> tuple[dict[str, Tensor], dict[str, Any], dict[str, Any]]:
    """The tensors of all shards, under their own names but for the wrappers of an adapter.

    And what the wiring of an ONNX graph tells, and the plain values beside the tensors.
    """
    tensors: dict[str, Tensor] = {}
    other: dict[str, Any] = {}
    graph: dict[str, Any] = {}
    for file in files.weights:
        found = _read_graph(file) if file.suffix == GRAPH else _read_weights(file)
        graph |= found.other if file.suffix == GRAPH else {}
        if check:  # each number once, a tensor at a time: 0.1 s for 1.3 GB, no memory stays
            with guard(file):
                checkpoint.refuse_not_finite(found.tensors.items())
        tensors |= found.tensors
        other |= found.other
    if not lora.is_adapter(tensors) or not families.recognise(map(lora.bare, tensors)):
        return tensors, graph, other
    return lora.unwrapped(tensors, _adapter_settings(files, other), files.weights[0]), graph, other


def _read_graph(file: Path) -> checkpoint.Checkpoint:
    """An ONNX file, by the first family that knows its wiring. Raises BadCheckpoint."""
    graph, failure = onnx_graph.read(file), BadCheckpoint(f"{file} is of an unknown model family.")
    for name in families.names():
        reader = families.importer(name).from_graph
        if reader is not None:
            try:
                return checkpoint.Checkpoint(*reader(graph))
            except BadCheckpoint as error:
                failure = BadCheckpoint(f"{file}: {error.message}", error.advice)
    raise failure


def _read_weights(file: Path) -> checkpoint.Checkpoint:
    """One file. A download that lacks its end is deleted, so that it is fetched again."""
    try:
        return checkpoint.read(file, WEIGHTS_INSIDE)
    except BadCheckpoint as error:
        if not (file.is_file() and is_cut(file) and remote.drop(file)):
            raise
        advice = "The damaged copy was deleted; run the same command again."
        raise BadCheckpoint(error.message, advice) from error


def _adapter_settings(files: Files, other: Mapping[str, Any]) -> dict[str, Any]:
    """What adapter_config.json says, else the table inside the checkpoint that has an alpha."""
    for file in files.beside:
        if file.name == lora.CONFIG:
            return read_table(file)
    tables = [other, *(value for value in other.values() if isinstance(value, dict))]
    return next((dict(table) for table in tables if "lora_alpha" in table), {})


def _adapted(family: str, tensors: dict[str, Tensor], file: Path) -> dict[str, Tensor]:
    ours, _ = families.importer(family).adapt(tensors)
    return lora.merged(ours, file) if lora.is_adapter(ours) else ours


def _family(family: str, file: Path, tensors: Mapping[str, Tensor]) -> str:
    """The family asked for, else the one whose names these are. Raises where it is another's."""
    recognised = families.recognise(tensors)
    if family and recognised and recognised != family:
        raise BadCheckpoint(
            f"{file} is not of the family '{family}', but of '{recognised}'.",
            f"Import it with --as {recognised}.",
        )
    if family or recognised:
        return family or recognised
    if lora.is_adapter(tensors):
        raise BadCheckpoint(
            f"{file} is a LoRA adapter, not a whole model.",
            f"Load it with the model that it was trained on: -m MODEL --lora {file}",
        )
    some = ", ".join(list(tensors)[:3])
    raise UnknownModel(
        f"{file} is of an unknown model family (it has tensors such as {some}).",
        f"Known: {', '.join(families.names())}.",
    )


def _config(files: Files, needed: bool) -> Path | None:
    """The configuration: the one given, named config, named like the weights, or the only YAML."""
    if files.given.config:
        return files.given.config
    own = files.weights[0].parent
    # Further up in a repository it may be another model's: only where there must be one.
    near = [f for f in files.beside if is_config(f) and (needed or f.parent == own)]
    kinds = [CONFIG_NAMES, _like_weights(files)]
    for names in reversed(kinds) if files.weights[0].suffix == GRAPH else kinds:
        for name in names:
            if found := next((file for file in near if file.name == name), None):
                return found
    yaml = [file for file in near if file.suffix in (".yaml", ".yml")]
    return yaml[0] if len(yaml) == 1 else None


def _like_weights(files: Files) -> tuple[str, ...]:
    name = files.weights[0].name
    return (*(f"{files.weights[0].stem}{Path(n).suffix}" for n in CONFIG_NAMES), f"{name}.json")


def _companion(files: Files, key: str, wanted: Companion, config: Mapping[str, Any]) -> Path | None:
    """The file that a companion's pattern means: given, named like the weights, beside them, or
    where the configuration says. For the Hub else the one at the companion's own address.
    """
    if key == "vocabulary" and files.given.vocabulary:
        return files.given.vocabulary
    like = files.weights[0].stem + Path(wanted.pattern).suffix
    exact = wanted.pattern.replace("*", "")
    matching = [f for f in files.beside if fnmatchcase(f.name, wanted.pattern)]
    if matching:  # those further up in a repository count where there are none beside
        matching = [f for f in matching if f.parent == matching[0].parent]
    named = [f for f in files.beside if f.name == like and like.endswith(".txt")]
    named += [f for f in matching if f.name == exact]
    if named or len(matching) == 1:
        return (named or matching)[0]
    if matching:
        raise BadCheckpoint(
            f"There are several files that may be its {key} beside {files.weights[0]}: "
            f"{', '.join(file.name for file in matching)}.",
            f"Choose one: --vocab {matching[0]}" if key == "vocabulary" else "Keep one.",
        )
    if stated := _stated(config, wanted.pattern, files.weights[0].parent):
        return stated
    if files.source.kind == "hf" and wanted.otherwise and (address := parse(wanted.otherwise)):
        return remote.fetch_file(address)
    return None


def _stated(config: Mapping[str, Any], pattern: str, folder: Path) -> Path | None:
    """A file of that name that the configuration has a path of, there or in a folder beside."""
    tables = [config, *(value for value in config.values() if isinstance(value, dict))]
    values = [value for table in tables for value in table.values() if isinstance(value, str)]
    stated = [Path(v.replace("\\", "/")) for v in values if len(v) < 1000 and "\0" not in v]
    for path in stated:
        if fnmatchcase(path.name, pattern):
            for place in (path, folder.parent / path.parent.name / path.name):
                if place.is_file():
                    return place
    return None


def speaker_names(folder: Path, config: Mapping[str, Any]) -> list[str]:
    """Names in the order of the embedding's rows, from the speaker file beside a configuration.

    Coqui writes `{name: row}` as JSON or as a pickle. Empty when there is no such file.
    """
    arguments = config.get("model_args")
    arguments = arguments if isinstance(arguments, dict) else {}
    wanted = _file_name(config, "speakers_file") or _file_name(arguments, "speakers_file")
    for name in (wanted, "speaker_ids.json", "speakers.json", "speakers.pth"):
        file = folder / name
        if not name or not file.is_file():
            continue
        table = read_table(file) if is_config(file) else checkpoint.plain_value(file)
        if isinstance(table, dict) and all(isinstance(row, int) for row in table.values()):
            names = sorted((row, key) for key, row in table.items() if isinstance(key, (str, int)))
            return [str(key) for _, key in names]
    return []


def _file_name(table: Mapping[str, Any], key: str) -> str:
    """The last part of a path in a configuration. Raises BadCheckpoint for what is no text."""
    value = table.get(key) or ""
    if not isinstance(value, str):
        raise BadCheckpoint(
            f"{key} in the configuration is {describe(value)}.", "It must be the name of a file."
        )
    return Path(value).name
