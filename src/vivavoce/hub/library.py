"""What is on this machine and what could be: models and vocoders by name, as plain data."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from vivavoce import files
from vivavoce.checkpoints import store
from vivavoce.errors import BadCheckpoint, UnknownModel, near_misses
from vivavoce.hub import catalog, fetch
from vivavoce.hub import paths as cache
from vivavoce.hub.address import Source, parse
from vivavoce.hub.catalog import Entry

if TYPE_CHECKING:
    from torch import Tensor

    from vivavoce.hub.download import Progress
    from vivavoce.hub.foreign import Foreign

OnProgress = Callable[[int, int | None, str], None]  # done, of how much, a note
_UNSTATED: dict[str, Any] = {"languages": [], "licence": ""}


def installed() -> list[dict[str, Any]]:
    """Every known model and vocoder: the catalogue, then what was imported."""
    rows = [_row(entry) for entry in catalog.entries()]
    names = {row["name"] for row in rows}
    others = (folder for folder in _imported() if folder.name not in names)
    return rows + [_listed(folder) for folder in others]


def show(name: str) -> dict[str, Any]:
    """The catalogue's facts about a model and, where it is here, its manifest's tables.

    A checkpoint's path or address will do as well: what is read from it.
    """
    known = {entry.name: _row(entry) for entry in catalog.entries()}
    here = _find(name)
    if here is not None:
        told = known.get(name, {})
        own = {k: v for k, v in _facts(here).items() if v != "" or k not in told}
        return _UNSTATED | told | own
    if name in known:
        return known[name]
    found = _foreign(name)
    if found is None:
        raise _unknown(name)
    manifest, _ = _read(found)
    return _UNSTATED | manifest | {"installed": True, "path": str(found.weights)}


def path(name: str, kind: str = "") -> Path:
    """The folder of a model that is here, by name or by path; fetches nothing.

    Raises UnknownModel with near misses, or with the command that gets it.
    """
    here = _find(name)
    if here is not None:
        return here
    known = {entry.name: entry for entry in catalog.entries()}
    if name not in known:
        raise _unknown(name, kind)
    command = (
        f"vivavoce models get {name}"
        if known[name].sources
        else f"vivavoce models import FILE --as {known[name].family} --name {name}"
    )
    raise UnknownModel(f"'{name}' is known but not on this machine.", f"Run: {command}")


def default_vocoder(name: str) -> str:
    """The vocoder the catalogue pairs with a model. Raises UnknownModel where it names none."""
    vocoder = {entry.name: entry.vocoder for entry in catalog.entries()}.get(name)
    if not vocoder:
        raise UnknownModel(f"'{name}' names no vocoder.", "Give one with --vocoder.")
    return vocoder


def open_model(name: str, kind: str = "") -> tuple[dict[str, Any], dict[str, Tensor]]:
    """A model's manifest and its tensors under our names, mapped where the file allows it.

    `name` is a name, a folder of ours, or the path or address of a foreign checkpoint, which is
    read where it lies. Raises UnknownModel, BadCheckpoint, DownloadError.
    """
    from vivavoce.hub import convert

    if (found := _foreign(name)) is not None:
        return _read(found)
    folder = path(name, kind)
    manifest = store.read_manifest(folder)
    address = manifest.get("weights", {}).get("source")
    if not address:
        return store.load(folder)
    file = fetch.cached(_source(address))
    if file is None:
        raise UnknownModel(
            f"The weights of '{name}' are gone from {address}.", f"Run: vivavoce models get {name}"
        )
    return manifest, convert.adapted(file, manifest["family"])


def prepare(name: str, on_progress: OnProgress | None = None) -> None:
    """Download the checkpoint that a path or address means; does nothing for what is here."""
    _foreign(name, on_progress)


def get(name: str, on_progress: OnProgress | None = None, offline: bool | None = None) -> Path:
    """Download a catalogued model and its vocoder and make them ready; the model's folder.

    Safetensors stay in the Hub's cache and are read there; pickles are converted, once. Does
    nothing if all is here. Raises DownloadError, BadCheckpoint.
    """
    entry = {entry.name: entry for entry in catalog.entries()}.get(name)
    folder = _get(name, on_progress, offline)
    if entry and entry.vocoder:
        _get(entry.vocoder, on_progress, offline)
    return folder


def _get(name: str, on_progress: OnProgress | None, offline: bool | None) -> Path:
    here = _find(name)
    if here is not None:
        address = store.read_manifest(here).get("weights", {}).get("source")
        if address:
            fetch.fetch(_source(address), progress=_told(on_progress), offline=offline)
        return here
    entry = catalog.resolve(name)
    files = fetch.fetch_entry(entry, _told(on_progress), offline)
    from vivavoce.hub.convert import to_store
    from vivavoce.hub.foreign import Foreign, is_weights

    named = next(source for source in entry.sources if is_weights(files[source.file]))
    weights = files.pop(named.file)
    source = fetch.pinned(named, weights)
    found = Foreign(weights, source, tuple(files.values()), entry.variant, entry.licence)
    return to_store(found, entry.family, name, copy=weights.suffix != ".safetensors")


def import_checkpoint(
    file: Path | str, family: str, config: Path | None = None, name: str | None = None
) -> Path:
    """Convert a foreign checkpoint, or the one in a folder, into a model folder of ours.

    No code in it is run. What belongs to it (a configuration, a vocabulary) is looked for beside
    it. The original is not needed afterwards. Raises BadCheckpoint, UnsafeCheckpoint, UnknownModel
    (the family), ConfigError.
    """
    from vivavoce.hub.convert import to_store
    from vivavoce.hub.foreign import Foreign, only_weights

    file = Path(file).absolute()
    file = only_weights(file) if file.is_dir() else file
    found = Foreign(file, Source("path", path=file), (config,) if config else ())
    return to_store(found, family, name or _default_name(found.source))


def remark(folder: Path) -> str:
    """What was decided about weights that do not tell themselves, and why; else nothing."""
    variant = store.read_manifest(folder).get("variant")
    return f"Read as {variant['name']}: {variant['reason']}." if variant else ""


def _foreign(name: str, on_progress: OnProgress | None = None) -> Foreign | None:
    """The foreign checkpoint that a path or an address means; names come first."""
    if _find(name) is not None or name in {entry.name for entry in catalog.entries()}:
        return None
    from vivavoce.hub import foreign

    found = foreign.at(name, _told(on_progress))
    entry = catalog.at(found.source) if found and found.source.kind == "hf" else None
    if found is None or entry is None:
        return found
    return replace(found, variant=entry.variant, licence=entry.licence)


def _read(found: Foreign) -> tuple[dict[str, Any], dict[str, Tensor]]:
    from vivavoce.hub import convert

    manifest, tensors = convert.read(found)
    return manifest | {"name": _default_name(found.source)}, tensors


def _told(on_progress: OnProgress | None) -> Progress | None:
    """What downloads report, for a listener that is told what is done, of how much, and a note."""
    return (lambda name, done, total: on_progress(done, total, name)) if on_progress else None


def _source(address: str) -> Source:
    source = parse(address)
    if source is None:
        raise BadCheckpoint(f"'{address}' is not where weights can be.", "Get the model again.")
    return source


def _imported() -> list[Path]:
    return [f for f in files.entries(cache.models()) if (f / store.MANIFEST).is_file()]


def _find(name: str) -> Path | None:
    folder = Path(name)
    files.recover(folder)
    if (folder / store.MANIFEST).is_file():
        return folder
    bundled = {entry.name: entry.folder for entry in catalog.entries()}.get(name)
    if bundled is not None and (bundled / store.MANIFEST).is_file():
        return bundled
    return next((f for f in _imported() if f.name == name), None)


def _row(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "kind": entry.kind,
        "family": entry.family,
        "languages": list(entry.languages),
        "licence": entry.licence,
        "vocoder": entry.vocoder,
        "installed": _find(entry.name) is not None,
        "source": entry.repo or ("bundled" if entry.bundled else "import"),
        "notes": entry.notes,
    }


def _listed(folder: Path) -> dict[str, Any]:
    """What a list says of an imported model: as of a catalogued one, not its whole manifest."""
    found = _UNSTATED | _facts(folder)
    if not isinstance(found.get("vocoder", ""), str):
        del found["vocoder"]  # its own
    keys = ("name", "kind", "family", "languages", "licence", "vocoder", "speakers", "installed")
    return {key: found[key] for key in (*keys, "path") if key in found}


def _facts(folder: Path) -> dict[str, Any]:
    manifest = store.read_manifest(folder)
    return manifest | {"installed": True, "path": str(folder)}


def _default_name(source: Source) -> str:
    """The file's name, or its folder's where the file's says nothing."""
    place = source.path or PurePosixPath(
        source.repo or "/", source.file or urlsplit(source.url).path
    )
    says_nothing = re.fullmatch(r"(pytorch_|best_)?model(_\w+)?|checkpoint|generator", place.stem)
    return place.parent.name if says_nothing else place.stem


def _unknown(name: str, kind: str = "") -> UnknownModel:
    if Path(name).exists():
        return UnknownModel(
            f"{name} is not a model folder: it has no {store.MANIFEST}.",
            "Foreign checkpoints are brought in with `vivavoce models import FILE --as FAMILY`.",
        )
    known = [row["name"] for row in installed() if not kind or row["kind"] == kind]
    advice = near_misses(name, known) or "`vivavoce models list` shows all."
    return UnknownModel(f"No {kind or 'model'} is called '{name}'.", advice)
