"""A name, path or address -> where that model is. Names are looked up here and nowhere else."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from vivavoce import files
from vivavoce.checkpoints import store
from vivavoce.errors import UnknownModel, UsageError, near_misses
from vivavoce.hub import address, catalog, collections, coqui, paths
from vivavoce.hub.address import Source
from vivavoce.hub.catalog import Entry

_LOOKALIKE = str.maketrans("ıłøđ", "ilod")  # letters that Unicode does not decompose


@dataclass(frozen=True)
class Location:
    """Where a model is.

    `entry` is what the catalogue says of it, `folder` the model folder where it is stored,
    `source` the place of a checkpoint from elsewhere. With an entry alone the model is known and
    not on this machine.
    """

    name: str
    entry: Entry | None = None
    folder: Path | None = None
    source: Source | None = None

    @property
    def command(self) -> str:
        """What brings a model of the catalogue to this machine."""
        if self.entry and self.entry.bundled:
            return "pip install --force-reinstall vivavoce"
        if self.entry is None or self.entry.fetchable:
            return f"vivavoce models get {self.name}"
        return f"vivavoce models import FILE --as {self.entry.family} --name {self.name}"


def resolve(text: str, kind: str = "") -> Location:
    """The catalogue's names and those of other toolkits come first, then models that were
    imported, paths, addresses, and Hub repositories that the catalogue lists.

    `kind` (acoustic, vocoder) narrows the names that an error proposes. Makes no request. Raises
    UnknownModel with near misses, UsageError for a path that is not there.
    """
    if known := _known(text):
        return known
    coqui.refuse_missing(text)
    source = address.parse(text)
    if source is None:
        return _by_repository(text) or _by_likeness(text, kind)
    if source.path is not None:
        return _by_path(source.path.absolute())
    entries = catalog.at(source) if source.kind == "hf" else ()
    return Location(str(source), _only(source, entries), source=source)


def stored_folders() -> list[Path]:
    """The folders of the models that were downloaded or imported, by name."""
    return [f for f in files.entries(paths.models()) if (f / store.MANIFEST).is_file()]


def bundled_folder(entry: Entry) -> Path | None:
    """The folder of a model that comes with this package, if it is there."""
    folder = entry.folder
    return folder if folder is not None and (folder / store.MANIFEST).is_file() else None


def is_run(path: Path) -> bool:
    """Whether a folder is that of a training run, whose model is in its folder `export`."""
    return (path / "recipe.toml").is_file() and (path / "checkpoints").is_dir()


def match_name(name: str, known: Iterable[str]) -> str | None:
    """The known name spelt exactly so, else the only one but for capitals, accents and spaces."""
    names = list(dict.fromkeys(known))
    if name in names:
        return name
    alike = [one for one in names if _folded(one) == _folded(name)]
    return alike[0] if len(alike) == 1 else None


def folder_name(name: str) -> str:
    """A name as a folder may have it: letters and digits of any script, `.`, `_` and `-`."""
    composed = unicodedata.normalize("NFC", name)
    safe = re.sub(r"[^\w.-]+", "-", composed).strip("-.")[:100] or "model"
    reserved = re.fullmatch(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", safe, re.IGNORECASE)
    return f"{safe}-model" if reserved else safe


def _known(text: str) -> Location | None:
    """By a name of the catalogue, ours or another toolkit's, or of a model that is stored."""
    named = ((name, entry) for entry in catalog.entries() for name in (entry.name, *entry.aliases))
    known = {name.replace("/", "--"): entry for name, entry in named}  # as Coqui's folders have it
    entry = known.get(text.replace("/", "--"))
    entry = entry or collections.entry(text)
    if entry and (bundled := bundled_folder(entry)):
        return Location(entry.name, entry, bundled)
    name = entry.name if entry else text
    stored = {folder.name: folder for folder in stored_folders()}  # names differ by case, too
    folder = stored.get(name) or stored.get(folder_name(name))
    if folder is None and entry is None:
        return None
    if entry is None and folder is not None:
        name = folder.name
    return Location(name, entry, folder)


def _by_path(path: Path) -> Location:
    folder = path.parent if path.name == store.MANIFEST else path
    files.recover(folder)
    if (folder / store.MANIFEST).is_file():
        return Location(folder.name, folder=folder)
    if is_run(folder):
        if not (folder / "export" / store.MANIFEST).is_file():
            raise UsageError(
                f"{folder} is a training run without a model.", f"Run: vivavoce export {folder} DIR"
            )
        return Location(folder.name, folder=folder / "export")
    if not path.exists():
        raise UsageError(f"There is no file or folder {path}.", "Check the path.")
    return Location(path.stem, source=Source("path", path=path))


def _by_repository(text: str) -> Location | None:
    """A repository of the Hub that the catalogue knows; another needs `hf://` in front."""
    if not (repo := address.repository(text)):
        return None
    source = address.hf(repo)
    entry = _only(source, catalog.at(source))
    if entry is not None:
        return _known(entry.name)
    coqui = text.startswith(("tts_models/", "vocoder_models/", "voice_conversion_models/"))
    if coqui or collections.advice(text):
        return None
    raise UnknownModel(
        f"There is no file or folder '{text}', and the catalogue has no such repository.",
        f"Check the path; for a repository of the Hub write hf://{text}.",
    )


def _only(source: Source, entries: tuple[Entry, ...]) -> Entry | None:
    if len(entries) > 1:
        names = ", ".join(entry.name for entry in entries)
        raise UnknownModel(f"{source} holds several models.", f"Choose one: {names}.")
    return entries[0] if entries else None


def _by_likeness(text: str, kind: str) -> Location:
    """The one name that `text` means but for capitals, accents and spaces. Raises UnknownModel."""
    entries = [entry for entry in catalog.entries() if not kind or entry.kind == kind]
    ours = [entry.name for entry in entries]
    theirs = [name for entry in entries for name in entry.aliases]
    stored = [folder.name for folder in stored_folders()]
    found = match_name(text, [*ours, *theirs, *stored])
    if found is not None and (known := _known(found)):
        return known
    of_family = ", ".join([entry.name for entry in entries if entry.family == text][:5])
    names = {*ours, *stored, *(theirs if "/" in text else ())}
    advice = collections.advice(text) or near_misses(text, names)
    advice = advice or "`vivavoce models list` shows all."
    raise UnknownModel(
        f"Unknown {'vocoder' if kind == 'vocoder' else 'model'} '{text}'.",
        f"'{text}' is a family; its models: {of_family} …" if of_family else advice,
    )


def _folded(name: str) -> str:
    parts = unicodedata.normalize("NFKD", name.casefold())
    bare = "".join(c for c in parts if not unicodedata.combining(c))
    return " ".join(bare.translate(_LOOKALIKE).split())
