"""What is on this machine and what could be: models, vocoders, voices by name, as plain data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vivavoce.errors import UnknownModel, VoiceError, near_misses
from vivavoce.weights import cache, catalog, fetch, store
from vivavoce.weights.catalog import Entry


def installed() -> list[dict[str, Any]]:
    """Every known model and vocoder: the catalogue, then what was imported."""
    rows = [_row(entry) for entry in catalog.entries()]
    names = {row["name"] for row in rows}
    return rows + [_facts(folder) for folder in _imported() if folder.name not in names]


def show(name: str) -> dict[str, Any]:
    """The catalogue's facts about a model and, where it is here, its manifest's tables."""
    known = {entry.name: _row(entry) for entry in catalog.entries()}
    here = _find(name)
    if name not in known and here is None:
        raise _unknown(name)
    facts = known.get(name, {})
    return facts | _facts(here) if here else facts


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


def get(name: str, on_progress: Any = None, offline: bool | None = None) -> Path:
    """Download a catalogued model, convert it, keep it; its folder. Does nothing if it is here.

    Raises DownloadError, BadCheckpoint.
    """
    here = _find(name)
    if here is not None:
        return here
    entry = catalog.resolve(name)
    files = list(fetch.fetch_entry(entry, on_progress, offline).values())
    from vivavoce.synthesis.convert import is_config, to_store

    weights = next(file for file in files if not is_config(file))
    config = next((file for file in files if is_config(file)), None)
    return to_store(weights, entry.family, config, name, entry.licence)


def import_checkpoint(
    file: Path | str, family: str, config: Path | None = None, name: str | None = None
) -> Path:
    """Convert a foreign checkpoint into a model folder of ours. No code in it is run.

    Without `config`, `config.json` or `config.yaml` beside the checkpoint is read. Raises
    BadCheckpoint, UnsafeCheckpoint, UnknownModel (the family), ConfigError.
    """
    from vivavoce.synthesis.convert import to_store

    return to_store(Path(file), family, config, name or _default_name(Path(file)))


def voices_list() -> list[dict[str, Any]]:
    """The speakers of every model that is here."""
    rows = []
    for entry in installed():
        if entry["installed"] and entry["kind"] == "acoustic":
            speakers = store.read_manifest(path(entry["name"])).get("speakers") or ["default"]
            rows += [
                {
                    "name": speaker,
                    "model": entry["name"],
                    "family": entry["family"],
                    "language": ", ".join(entry["languages"]),
                    "licence": entry["licence"],
                }
                for speaker in speakers
            ]
    return rows


def voices_show(name: str) -> dict[str, Any]:
    """Raises UnknownVoice."""
    from vivavoce.errors import UnknownVoice

    rows = voices_list()
    found = next((row for row in rows if row["name"] == name), None)
    if found is None:
        known = [row["name"] for row in rows]
        raise UnknownVoice(f"No voice is called '{name}'.", near_misses(name, known))
    return found


def voices_add(name: str, recording: Path, **_details: Any) -> Path:
    """Raises VoiceError: no model family here makes a voice from a recording yet."""
    raise VoiceError(
        f"Cannot make the voice '{name}' from {recording}: no model here clones voices.",
        "Train one instead: see docs/training.md.",
    )


def voices_remove(name: str) -> None:
    """Raises UnknownVoice for an unknown name, VoiceError for a model's own speaker."""
    found = voices_show(name)
    raise VoiceError(f"'{name}' is part of the model '{found['model']}'.", "It cannot be removed.")


def _imported() -> list[Path]:
    folder = cache.models()
    if not folder.is_dir():
        return []
    return sorted(f for f in folder.iterdir() if (f / store.MANIFEST).is_file())


def _find(name: str) -> Path | None:
    folder = Path(name)
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


def _facts(folder: Path) -> dict[str, Any]:
    manifest = store.read_manifest(folder)
    return {"languages": [], "licence": ""} | manifest | {"installed": True, "path": str(folder)}


def _default_name(file: Path) -> str:
    generic = {"model", "model_file", "best_model", "pytorch_model", "checkpoint", "generator"}
    return file.resolve().parent.name if file.stem in generic else file.stem


def _unknown(name: str, kind: str = "") -> UnknownModel:
    if Path(name).exists():
        return UnknownModel(
            f"{name} is not a model folder: it has no {store.MANIFEST}.",
            "Foreign checkpoints are brought in with `vivavoce models import FILE --as FAMILY`.",
        )
    known = [row["name"] for row in installed() if not kind or row["kind"] == kind]
    advice = near_misses(name, known) or "`vivavoce models list` shows all."
    return UnknownModel(f"No {kind or 'model'} is called '{name}'.", advice)
