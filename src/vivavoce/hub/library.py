"""The models known by name or stored on this machine: list, show, get, import, open, remove."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vivavoce.checkpoints import store
from vivavoce.errors import BadCheckpoint, OutputError, UnknownModel, UsageError
from vivavoce.files import remove as remove_path
from vivavoce.hub import catalog, paths, published_pairs, remote
from vivavoce.hub.catalog import Entry
from vivavoce.hub.fetch import Files, Given, fetch
from vivavoce.hub.resolve import Location, bundled_folder, folder_name, resolve, stored_folders

if TYPE_CHECKING:
    from vivavoce.hub.lora import Adapter
    from vivavoce.hub.read import Stored
    from vivavoce.types import OnProgress


@dataclass(frozen=True, kw_only=True)
class Row:
    """What a list says of a model. `installed`: all of it is on this machine, at `path`.

    `vocoder` names another model; `own_vocoder` models bring theirs along. `parameters` counts
    weights, 0 where it is not known. `problem` says why a stored model cannot be read.
    """

    name: str
    kind: str
    family: str
    languages: tuple[str, ...] = ()
    licence: str = ""
    vocoder: str = ""
    installed: bool = False
    source: str = "import"
    notes: str = ""
    parameters: int = 0
    speakers: tuple[str, ...] = ()
    own_vocoder: bool = False
    path: str = ""
    problem: str = ""

    def plain(self) -> dict[str, Any]:
        """For JSON: what is not known is left out."""
        extra = ("parameters", "speakers", "own_vocoder", "path", "problem")
        return {k: v for k, v in asdict(self).items() if v or k not in extra}


@dataclass(frozen=True)
class LibraryRow:
    """A model's row, and its manifest's tables where it is on this machine."""

    row: Row
    manifest: Mapping[str, Any]

    def plain(self) -> dict[str, Any]:
        """For JSON: the row, over it what the manifest says."""
        said = {k: v for k, v in self.manifest.items() if v not in ("", [], ())}
        return self.row.plain() | said | {"name": self.row.name}


@dataclass(frozen=True)
class Removed:
    """The folder that was removed, and the download that stays in the Hub's cache, if any."""

    folder: Path
    kept: Path | None = None


def installed() -> list[Row]:
    """Every known model and vocoder: the catalogue, then what was imported."""
    stored = {folder.name: folder for folder in stored_folders()}
    rows = [
        _stored_row(entry, bundled_folder(entry) or stored.pop(entry.name, None))
        for entry in catalog.entries()
    ]
    return rows + [_stored_row(None, folder) for folder in stored.values()]


def usable(rows: Sequence[Row]) -> list[Row]:
    """The models that can speak here: their weights, and the vocoder that they name, are here."""
    here = {row.name for row in rows if row.installed}
    return [
        row
        for row in rows
        if row.installed and row.kind == "acoustic" and (not row.vocoder or _is_here(row, here))
    ]


def show(name: str) -> LibraryRow:
    """What is known about a model; of a checkpoint from elsewhere, what is read from it.

    Raises UnknownModel, BadCheckpoint, DownloadError.
    """
    location = resolve(name)
    if location.folder is not None:
        manifest = store.read_manifest(location.folder)
        return LibraryRow(_row(location.entry, manifest, location.folder), manifest)
    if location.source is None:
        return LibraryRow(_row(location.entry, {}), {})
    manifest = _read(fetch(location)).manifest
    where = {"installed": True, "path": str(location.source)}
    return LibraryRow(_row(None, manifest), manifest | where)


def path(name: str, kind: str = "") -> Path:
    """The folder of a stored model, by name or by path. Raises UnknownModel with a command."""
    return _folder(resolve(name, kind))


def default_vocoder(name: str) -> str:
    """The vocoder the catalogue pairs with a model. Raises UnknownModel where it names none."""
    vocoder = next((entry.vocoder for entry in catalog.entries() if entry.name == name), "")
    if not vocoder:
        raise UnknownModel(f"'{name}' has no default vocoder.", "Choose one with --vocoder.")
    return vocoder


def open_model(
    name: str, kind: str = "", given: Given | None = None, adapters: Sequence[Adapter] = ()
) -> Stored:
    """A model's manifest and tensors under our names, mapped where the file allows it.

    `name` is a name, a folder of ours, or the path or address of a checkpoint from elsewhere, which
    is read where it lies. `given` are files that belong to it, `adapters` LoRA files to merge.
    Raises UnknownModel, BadCheckpoint, DownloadError.
    """
    from vivavoce.hub.read import read_stored, with_adapter

    location = resolve(name, kind)
    foreign = location.source is not None
    if not foreign and given is not None and given != Given():
        raise UsageError(
            f"'{location.name}' is stored with its configuration and vocabulary.",
            "Leave --config and --vocab out, or import the checkpoint again with them.",
        )
    stored = _read(fetch(location, given)) if foreign else read_stored(_folder(location))
    if kind and stored.manifest["kind"] != kind:
        raise BadCheckpoint(
            f"'{stored.manifest['name']}' is of kind '{stored.manifest['kind']}', not '{kind}'.",
            "Name the model with -m, and the vocoder with --vocoder.",
        )
    for adapter in adapters:
        files = fetch(resolve(adapter.place))
        stored = with_adapter(stored, files, adapter.scale)
    return stored


def prepare(name: str, on_progress: OnProgress | None = None, given: Given | None = None) -> None:
    """Download the checkpoint that an address means; does nothing for what is here."""
    location = resolve(name)
    if location.source is not None:
        fetch(location, given, on_progress)


def get(name: str, on_progress: OnProgress | None = None, offline: bool | None = None) -> Path:
    """Download a catalogued model and its vocoder and make them ready; the model's folder.

    Safetensors stay in the Hub's cache and are read there; pickles are converted, once. Does
    nothing if all is here. Raises DownloadError, BadCheckpoint.
    """
    location = resolve(name)
    folder = _get(location, on_progress, offline)
    if location.entry and location.entry.vocoder:
        _get(resolve(location.entry.vocoder, "vocoder"), on_progress, offline)
    return folder


def import_checkpoint(
    file: Path | str,
    family: str = "",
    config: Path | None = None,
    name: str | None = None,
    vocabulary: Path | None = None,
    replace: bool = False,
    on_progress: OnProgress | None = None,
) -> Path:
    """Convert a checkpoint, or the one in a folder or at an address, into a model folder of ours.

    No code in it is run. What belongs to it (a configuration, a vocabulary) is looked for beside
    it. The original is not needed afterwards. Without `family` it is recognised by its tensors.
    Raises UsageError for a name that is taken, unless `replace`; BadCheckpoint, UnsafeCheckpoint,
    UnknownModel (the family), ConfigError, DownloadError.
    """
    from vivavoce.hub import families

    if family:
        families.kind_of(family)
    address = "://" in str(file)
    location = resolve(str(file) if address else str(Path(file).expanduser().absolute()))
    files = fetch(location, Given(config, vocabulary), on_progress)
    folder = paths.models() / folder_name(name or files.name)
    _require_free(folder, replace)
    return _store(folder, _read(files, family))


def remove(name: str) -> Removed:
    """Delete a stored model. A download in the Hub's cache, which other programs use too, stays.

    Raises UnknownModel, UsageError for a model that is part of this package, OutputError.
    """
    location = resolve(name)
    folder = _folder(location)
    if folder.parent != paths.models():
        where = "part of this package" if location.entry else f"not in {paths.models()}"
        raise UsageError(
            f"'{name}' is {where}.", "Only downloaded and imported models can be removed."
        )
    source = remote.weights_of(store.read_manifest(folder))
    kept = remote.cached(source) if source else None
    remove_path(folder)
    if folder.exists():
        raise OutputError(f"Cannot remove {folder}.", "Check its permissions.")
    return Removed(folder, kept)


def remark(folder: Path) -> str:
    """How weights that do not say it themselves were read, and why; else nothing.

    And how its features differ from those of the vocoder that it was published with.
    """
    manifest = store.read_manifest(folder)
    variant = manifest.get("variant")
    read = f"Read as {variant['name']}: {variant['reason']}." if variant else ""
    return f"{read} {published_pairs.remark(manifest)}".strip()


def _read(files: Files, family: str = "") -> Stored:
    from vivavoce.hub.read import adapt, read

    return adapt(read(files, family), files)


def _store(folder: Path, stored: Stored, source: str = "") -> Path:
    """Check by building every part, then write. With `source` the weights stay there."""
    from vivavoce.hub.build import checked

    whole = checked(stored)
    store.save(folder, whole.manifest | {"name": folder.name}, whole.tensors, source=source)
    return folder


def _get(location: Location, on_progress: OnProgress | None, offline: bool | None) -> Path:
    if location.folder is not None:
        if source := remote.weights_of(store.read_manifest(location.folder)):
            remote.fetch_file(source, progress=on_progress, offline=offline)
        return location.folder
    if location.entry is None:
        raise UsageError(
            f"{location.source} is not a model of the catalogue.", "Use `vivavoce models import`."
        )
    files = fetch(location, None, on_progress, offline)
    stored = _read(files, location.entry.family)
    folder = paths.models() / folder_name(location.entry.name)
    return _store(folder, stored, str(files.source) if _may_stay(files, location.entry) else "")


def _may_stay(files: Files, entry: Entry) -> bool:
    """Whether the weights can be read where they were downloaded: one file that can be mapped.

    What lies in several files is kept in one of ours.
    """
    from vivavoce.hub import families

    companions = families.importer(entry.family).companions.values()
    alone = len(files.weights) == 1 and not any(one.tensors for one in companions)
    return alone and all(file.suffix == ".safetensors" for file in files.weights)


def _folder(location: Location) -> Path:
    if location.folder is not None:
        return location.folder
    if location.source is not None:
        raise UnknownModel(
            f"{location.source} is not a model folder: it has no {store.MANIFEST}.",
            "Import it first: vivavoce models import FILE",
        )
    raise UnknownModel(f"'{location.name}' is not downloaded.", f"Run: {location.command}")


def _require_free(folder: Path, replace: bool) -> None:
    known = {entry.name: entry for entry in catalog.entries()}
    if (entry := known.get(folder.name)) and entry.bundled:
        raise UsageError(f"'{folder.name}' is the name of a bundled model.", "Choose another.")
    if (folder / store.MANIFEST).exists() and not replace:
        raise UsageError(
            f"A model '{folder.name}' already exists.",
            "Choose another with --name, or replace it with --force.",
        )


def _is_here(row: Row, installed: set[str]) -> bool:
    return row.vocoder in installed or Path(row.vocoder, store.MANIFEST).is_file()


def _stored_row(entry: Entry | None, folder: Path | None) -> Row:
    """One bad folder must not hide the others: its row says what is wrong."""
    if folder is None:
        return _row(entry, {})
    try:
        return _row(entry, store.read_manifest(folder), folder)
    except BadCheckpoint as error:
        bad = replace(_row(entry, {}), path=str(folder), problem=error.message)
        return bad if entry else replace(bad, name=folder.name)


def _row(entry: Entry | None, manifest: Mapping[str, Any], folder: Path | None = None) -> Row:
    """What the catalogue says, over it what the manifest of a stored model says."""
    vocoder = manifest.get("vocoder")
    row = Row(
        name=folder.name if folder else str(manifest.get("name", "")),
        kind=str(manifest.get("kind", "")),
        family=str(manifest.get("family", "")),
        licence=str(manifest.get("licence", "")),
        vocoder=vocoder if isinstance(vocoder, str) else "",
        installed=bool(manifest) and _has_weights(manifest),
        speakers=_words(manifest.get("speakers")),
        own_vocoder=isinstance(vocoder, dict),
        path=str(folder or ""),
    )
    languages, parameters = _words(manifest.get("languages")), _parameters(manifest)
    if entry is None:
        return replace(row, languages=languages, parameters=parameters)
    return replace(
        row,
        name=entry.name,
        kind=entry.kind,
        family=entry.family,
        languages=languages or entry.languages,
        licence=entry.licence or row.licence,
        vocoder=entry.vocoder,
        source=entry.repo or entry.archive or ("bundled" if entry.bundled else "import"),
        notes=entry.notes,
        parameters=entry.parameters or parameters,
    )


def _has_weights(manifest: Mapping[str, Any]) -> bool:
    source = remote.weights_of(manifest)
    return source is None or remote.cached(source) is not None


def _parameters(manifest: Mapping[str, Any]) -> int:
    weights = manifest.get("weights")
    count = weights.get("parameters") if isinstance(weights, dict) else None
    return count if isinstance(count, int) else 0


def _words(value: Any) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()
