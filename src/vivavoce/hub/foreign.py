"""A checkpoint from elsewhere and the files that belong to it: found on disk or fetched.

Knows places and names of files, neither families nor what is in the files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from vivavoce.checkpoints.companions import WEIGHT_SUFFIXES, Companion
from vivavoce.errors import BadCheckpoint
from vivavoce.hub import fetch
from vivavoce.hub.address import Source, parse
from vivavoce.hub.download import Progress

CONFIG_SUFFIXES = (".json", ".yaml", ".yml", ".toml")
# Files with tensors that lie beside models and are none: what training needs, speakers, statistics.
_NOT_THE_MODEL = re.compile(r"(dvae|mel_stats|mel_norms|speakers|optimizer|scheduler)([_.-].*)?")


@dataclass(frozen=True)
class Foreign:
    """`weights` is a file that is here, `source` where it came from.

    `beside` lists files known to belong to it; others are looked for around it. `variant` is the
    catalogue's word for what the weights do not tell, `licence` its word on that.
    """

    weights: Path
    source: Source
    beside: tuple[Path, ...] = ()
    variant: str = ""
    licence: str = ""

    def config(self, needed: bool) -> Path | None:
        """Its configuration; what has none by right is not asked of a server."""
        given = next((file for file in self.beside if is_config(file)), None)
        if given or (self.source.kind != "path" and not needed):
            return given
        stem = self.weights.stem
        suffixes = (".json", ".yaml", ".yml", *[".toml"] * (self.source.kind == "path"))
        names = [f"config{suffix}" for suffix in suffixes]
        if self.source.kind == "path":
            names += [f"{stem}{suffix}" for suffix in suffixes] + ["*.yaml"]
        return self._first(names)

    def companion(self, wanted: Companion) -> Path | None:
        """The file that a companion's pattern means; for the Hub else the one at its address."""
        for file in self.beside:
            if fnmatchcase(file.name, wanted.pattern):
                return file
        found = self._first([wanted.pattern.replace("*", ""), wanted.pattern])
        if found or self.source.kind != "hf" or not wanted.otherwise:
            return found
        address = parse(wanted.otherwise)
        return fetch.fetch(address) if address else None

    def _first(self, names: Iterable[str]) -> Path | None:
        found = (_beside(self.source, self.weights, name) for name in names)
        return next((file for file in found if file), None)


def _beside(source: Source, weights: Path, name: str) -> Path | None:
    """A file of that name in the same folder, on the Hub also in those above it."""
    if source.kind == "hf":
        return None if "*" in name else fetch.fetch_near(source, name)
    matches = [file for file in sorted(weights.parent.glob(name)) if file.is_file()]
    return matches[0] if len(matches) == 1 else None


def at(place: str, progress: Progress | None = None) -> Foreign | None:
    """What a path, a folder or an address means; None when it is none of these.

    Raises UsageError, DownloadError, BadCheckpoint for a folder with several checkpoints.
    """
    source = parse(place)
    if source is None:
        return None
    if source.path is not None:
        path = source.path.absolute()
        if not path.exists() and not is_weights(path):
            return None
        source = Source("path", path=only_weights(path) if path.is_dir() else path)
    return Foreign(fetch.fetch(source, progress=progress), source)


def only_weights(folder: Path) -> Path:
    """The one checkpoint in a folder; safetensors before pickles."""
    files = [file for file in sorted(folder.iterdir()) if file.suffix in WEIGHT_SUFFIXES]
    files = [file for file in files if not _NOT_THE_MODEL.fullmatch(file.stem)] or files
    files = [file for file in files if file.suffix == ".safetensors"] or files
    if len(files) != 1:
        names = ", ".join(file.name for file in files[:10]) or "none"
        raise BadCheckpoint(
            f"{folder} should hold one checkpoint; found: {names}.", "Give the file's own path."
        )
    return files[0]


def is_config(file: Path) -> bool:
    return file.suffix in CONFIG_SUFFIXES


def is_weights(file: Path) -> bool:
    return file.suffix in WEIGHT_SUFFIXES
