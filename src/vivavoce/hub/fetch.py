"""Location -> the files of one checkpoint on this disk, downloaded if need be.

Which file of a folder or repository is the model, and which files belong to it, is decided here
from their names, in the same way for folders on the disk, Hub repositories and web addresses.
Everything small is fetched before the weights.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from urllib.parse import urljoin, urlsplit

from vivavoce.checkpoints.companions import WEIGHT_SUFFIXES
from vivavoce.errors import BadCheckpoint, DownloadError, UsageError
from vivavoce.hub import archive, families, lora, paths, remote
from vivavoce.hub.address import Source, hf
from vivavoce.hub.catalog import Entry
from vivavoce.hub.download import Absent
from vivavoce.hub.resolve import Location
from vivavoce.types import OnProgress

CONFIG_SUFFIXES = (".json", ".yaml", ".yml", ".toml")
CONFIG_NAMES = tuple(f"config{suffix}" for suffix in CONFIG_SUFFIXES)
MAX_FOLDERS, MAX_SHARDS = 2000, 1000
MAX_DEPTH = 3
SHOWN = (".models",)
"""Hidden folders that are looked into: Tortoise's release has its weights there."""
# Files with tensors that lie beside models and are none: what training needs, speakers, statistics.
GRAPH = ".onnx"
_NOT_THE_MODEL = re.compile(
    r"(dvae|mel_stats|mel_norms|speakers|optimizer|scheduler|adapter_model|model_se|D)([_.-].*)?"
    r"|hubert|tokenizer"
)
_SHARD = re.compile(r"(.+)-(\d{5})-of-(\d{5})(\.\w+)")
_INDEX = ".index.json"
_LFS = b"version https://git-lfs.github.com/spec/"
# A Coqui trainer keeps each checkpoint by its step, and the best one also as `best_model`.
_BY_STEP = re.compile(r"(best_model|checkpoint)_\d+")


@dataclass(frozen=True)
class Given:
    """Files that the user names because they cannot be found from the weights."""

    config: Path | None = None
    vocabulary: Path | None = None


@dataclass(frozen=True)
class Files:
    """The files of a checkpoint, all on this disk.

    `weights` are several where the checkpoint is split into shards. `source` is where the first
    came from, at its very commit. `beside` are the files that may belong to it, the nearest first.
    `entry` is what the catalogue says of it.
    """

    weights: tuple[Path, ...]
    source: Source
    beside: tuple[Path, ...] = ()
    given: Given = Given()
    entry: Entry | None = None

    @property
    def name(self) -> str:
        """The file's name, or its folder's where the file's says nothing."""
        place = self.source.path or PurePosixPath(
            self.source.repo or "/", self.source.file or urlsplit(self.source.url).path
        )
        shard = _SHARD.fullmatch(place.name)
        stem = shard[1] if shard else place.name.removesuffix(_INDEX).removesuffix(place.suffix)
        says_nothing = re.fullmatch(
            r"(pytorch_|best_)?model(_\w+)?|checkpoint(_\d+)?|generator", stem
        )
        return place.parent.name if says_nothing else stem


def fetch(
    location: Location,
    given: Given | None = None,
    progress: OnProgress | None = None,
    offline: bool | None = None,
) -> Files:
    """The files of a checkpoint from elsewhere, or of a model of the catalogue.

    Raises UsageError, DownloadError, UnknownModel; BadCheckpoint where a folder holds no
    checkpoint, several, or pointers to files that are not there.
    """
    given = given or Given()
    for file in (given.config, given.vocabulary):
        if file is not None and not file.is_file():
            raise UsageError(f"There is no file {file}.", "Check the path.")
    source, entry = location.source, location.entry
    if source is None:
        files = _listed(location, progress, offline)
    elif source.kind == "path" and source.path is not None:
        files = _on_disk(source.path)
    elif source.kind == "hf":
        files = _on_hub(source, entry, progress, offline)
    else:
        files = _on_the_web(source, given, progress, offline)
    _refuse_pointers(files)
    return replace(files, given=given, entry=entry)


def is_config(file: Path) -> bool:
    return file.suffix in CONFIG_SUFFIXES and not file.name.endswith(_INDEX)


def is_weights(name: str) -> bool:
    return name.endswith((*WEIGHT_SUFFIXES, GRAPH))


def _listed(location: Location, progress: OnProgress | None, offline: bool | None) -> Files:
    """The files that the catalogue lists, at its revision."""
    entry = location.entry
    if entry is None or not entry.fetchable:
        notes = f" {entry.notes}" if entry else ""
        raise DownloadError(
            f"No download address is known for '{location.name}'.{notes}",
            f"Download its files and run: {location.command}",
        )
    if entry.archive:
        return _in_archive(entry.archive, progress, offline)
    if entry.all_files:
        return _on_hub(hf(entry.repo, "", entry.revision), None, progress, offline)
    fetched = {
        source: remote.fetch_file(source, entry.sha256.get(source.file, ""), progress, offline)
        for source in sorted(entry.sources, key=lambda source: is_weights(source.file))
    }
    weights = next(source for source in entry.sources if is_weights(source.file))
    beside = tuple(path for source, path in fetched.items() if source != weights)
    return Files((fetched[weights],), remote.pinned(weights, fetched[weights]), beside)


def _in_archive(address: str, progress: OnProgress | None, offline: bool | None) -> Files:
    """The files of a zip: what is unpacked is kept, and the zip is not."""
    source = Source("url", url=address)
    folder = paths.download_path(address).with_suffix("")
    if not folder.is_dir():
        file = remote.fetch_file(source, "", progress, offline)
        try:
            archive.unpack(file, folder)
        finally:
            remote.drop(file)
    return replace(_on_disk(folder), source=source)


def _on_disk(path: Path) -> Files:
    names = _below(path) if path.is_dir() else tuple(f.name for f in _files(path.parent))
    root = path if path.is_dir() else path.parent
    chosen = choose(names, "" if path.is_dir() else path.name, str(path))
    weights = tuple(root / name for name in chosen)
    folder = weights[0].parent
    near = belonging(weights[0].stem, [file.name for file in _files(folder)])
    tensors = [name for name in names if path.is_dir() and is_weights(name)]
    elsewhere = [root / name for name in tensors if belonging("", [PurePosixPath(name).name])]
    beside = dict.fromkeys([*(folder / name for name in near), *_originals(folder), *elsewhere])
    return Files(weights, Source("path", path=weights[0]), tuple(beside))


def _on_hub(
    source: Source, entry: Entry | None, progress: OnProgress | None, offline: bool | None
) -> Files:
    first = remote.cached(source) if is_weights(source.file) else None
    source = remote.pinned(source, first) if first else source
    names = remote.list_files(source, offline)
    wanted = source.file
    if not is_weights(wanted) and not wanted.endswith(_INDEX):
        folder = f"{wanted}/" if wanted else ""
        listed = tuple(name for name in entry.files if is_weights(name)) if entry else ()
        inside = listed or tuple(name for name in names if name.startswith(folder))
        chosen = choose(inside, "", str(source))
    else:
        chosen = choose(names, wanted, str(source))
    beside = []
    for folder in PurePosixPath(chosen[0]).parents:
        here = [n for n in names if PurePosixPath(n).parent == folder]
        near = belonging(PurePosixPath(chosen[0]).stem, [PurePosixPath(n).name for n in here])
        beside += [hf(source.repo, str(folder / name), source.revision) for name in near]
    if entry:  # the catalogue knows which files belong to it, wherever they lie
        known = [n for n in entry.files if n in names and not is_weights(n)]
        beside = [hf(source.repo, n, source.revision) for n in known] + beside
    small = tuple(remote.fetch_file(one, "", progress, offline) for one in dict.fromkeys(beside))
    sources = [hf(source.repo, name, source.revision) for name in chosen]
    weights = tuple(remote.fetch_file(one, "", progress, offline) for one in sources)
    return Files(weights, remote.pinned(sources[0], weights[0]), small)


def _on_the_web(
    source: Source, given: Given, progress: OnProgress | None, offline: bool | None
) -> Files:
    """A web server gives no list: the likely names are asked for, before the weights are."""
    stem = PurePosixPath(urlsplit(source.url).path).stem
    names = [*CONFIG_NAMES[:3], *(f"{stem}{suffix}" for suffix in (".txt", *CONFIG_SUFFIXES[:3]))]
    names += [p.replace("*", "") for p in families.companion_patterns() if not is_weights(p)]
    here = remote.cached(source)
    if here is None:
        remote.require_online(source, offline)
    beside = []
    for name in dict.fromkeys(names):
        near = Source("url", url=urljoin(source.url, name))
        if file := remote.cached(near) or (None if here else _small(near, offline)):
            beside.append(file)
    if not (here or beside or given.config or given.vocabulary):
        raise BadCheckpoint(
            f"There is neither a configuration nor a vocabulary beside {source}.",
            f"Tried: {', '.join(dict.fromkeys(names))}. Name yours with --config or --vocab.",
        )
    return Files((remote.fetch_file(source, "", progress, offline),), source, tuple(beside))


def _small(source: Source, offline: bool | None) -> Path | None:
    """A file that may be there. Raises DownloadError where the server cannot be asked."""
    try:
        return remote.fetch_file(source, "", None, offline)
    except Absent:
        return None


def choose(names: Sequence[str], wanted: str, where: str) -> tuple[str, ...]:
    """The file `wanted` of these names, or the one checkpoint among them; all of its shards.

    Safetensors come before pickles, and ONNX graphs last; files in the outer folders before those
    further down. Raises BadCheckpoint where there is none, where several could be meant, or where
    a shard is missing.
    """
    if wanted:
        return _with_shards(wanted, names)
    files = [name for name in names if is_weights(name)]
    files = [name for name in files if not _is_beside(PurePosixPath(name))] or files
    depth = min((name.count("/") for name in files), default=0)
    files = [name for name in files if name.count("/") == depth]
    files = [name for name in files if name.endswith(".safetensors")] or files
    files = [name for name in files if not name.endswith(GRAPH)] or files
    sets = list(dict.fromkeys(_with_shards(name, names) for name in files))
    if len(sets) > 1:
        best = [s for s in sets if PurePosixPath(s[0]).stem == "best_model"]
        others = [s for s in sets if not _BY_STEP.fullmatch(PurePosixPath(s[0]).stem)]
        sets = best if others == best and len(best) == 1 else sets
    if len(sets) == 1:
        return sets[0]
    found = ", ".join(one[0] for one in sets[:10]) or "none"
    raise BadCheckpoint(
        f"{where} should hold one checkpoint; found: {found}.", "Give the path of the file."
    )


def _is_beside(file: PurePosixPath) -> bool:
    """Whether a file of this name lies beside a model and is none."""
    companions = families.companion_patterns()
    named = any(fnmatchcase(file.name, pattern) for pattern in companions)
    return named or bool(_NOT_THE_MODEL.fullmatch(file.stem))


def belonging(stem: str, names: Sequence[str]) -> list[str]:
    """The names of files that may belong to weights called `stem`: those named like it first."""
    patterns = (*CONFIG_NAMES, *families.companion_patterns(), lora.CONFIG, "*.yaml", "*.yml")
    own = [n for n in names if PurePosixPath(n).stem in (stem, f"{stem}.onnx") and _is_text(n)]
    listed = [n for pattern in patterns for n in sorted(names) if fnmatchcase(n, pattern)]
    return list(dict.fromkeys([*own, *listed]))


def _is_text(name: str) -> bool:
    return name.endswith((*CONFIG_SUFFIXES, ".txt")) and not name.endswith(_INDEX)


def _with_shards(name: str, names: Sequence[str]) -> tuple[str, ...]:
    """All shards of a split checkpoint, by the name of one of them or of its index."""
    if name.endswith(_INDEX):
        start = name.removesuffix(_INDEX)
        name = next((n for n in names if (m := _SHARD.fullmatch(n)) and m[1] + m[4] == start), "")
        if not name:
            raise BadCheckpoint(
                f"{start} is missing, and so are its shards.", "Download all files."
            )
    if not (found := _SHARD.fullmatch(name)):
        return (name,)
    count = int(found[3])
    numbers = range(1, min(count, MAX_SHARDS) + 1)
    whole = tuple(f"{found[1]}-{n:05}-of-{found[3]}{found[4]}" for n in numbers)
    missing = [one for one in whole if one not in names]
    if missing:
        raise BadCheckpoint(
            f"{len(missing)} of the {count} parts of the checkpoint are missing: {missing[0]} …",
            "Put all parts into one folder.",
        )
    return whole


def _below(folder: Path) -> tuple[str, ...]:
    """The names of all files in a folder and up to three folders down, with their folders."""
    found: list[str] = []
    level = [folder]
    for _ in range(MAX_DEPTH + 1):
        found += [f.relative_to(folder).as_posix() for here in level for f in _files(here)]
        below = [folder for here in level for folder in _entries(here) if folder.is_dir()]
        shown = [one for one in below if one.name[0] != "." or one.name in SHOWN]
        level = shown[:MAX_FOLDERS]
    return tuple(found)


def _files(folder: Path) -> list[Path]:
    return [file for file in _entries(folder) if file.is_file()]


def _entries(folder: Path) -> list[Path]:
    """What is in a folder, by name; nothing where it may not be read."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _originals(folder: Path) -> list[Path]:
    """Companions in the folder where Coqui's trainer keeps the files that it started from."""
    patterns = families.companion_patterns()
    folders = sorted(folder.parent.glob("*original_model_files*"))
    return [f for d in folders if d.is_dir() for p in patterns for f in sorted(d.glob(p))]


def _refuse_pointers(files: Files) -> None:
    """Raises BadCheckpoint where Git left a pointer in place of a large file."""
    for file in (*files.weights, *files.beside):
        try:
            with file.open("rb") as stream:
                start = stream.read(200)
        except OSError as error:
            raise BadCheckpoint(f"Cannot read {file}: {error.strerror}.") from error
        if start.startswith(_LFS):
            size = re.search(rb"^size (\d+)$", start, re.MULTILINE)
            stated = f" of {int(size[1]):,} bytes" if size else ""
            raise BadCheckpoint(
                f"{file} is a Git LFS pointer to a file{stated}, not the file itself.",
                "Run `git lfs pull` in its repository, or download the file from its page.",
            )
