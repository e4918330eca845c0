"""From a catalogue entry or an address to files on this disk, asking the network as a last resort.

What is cached is never asked about again: no request at all, so offline works. Hugging Face files
go through huggingface_hub and its cache (`HF_HOME`, `HF_TOKEN`, `HF_ENDPOINT` are honoured).
"""

from __future__ import annotations

import inspect
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from vivavoce.errors import DownloadError, UsageError
from vivavoce.hub import paths as cache
from vivavoce.hub.address import Source, hf
from vivavoce.hub.catalog import Entry
from vivavoce.hub.download import AGAIN, Progress, download, file_sha256


class _Absent(DownloadError):
    """The server was asked and has no such file."""


def is_offline(offline: bool | None = None) -> bool:
    """Whether requests are forbidden: as asked, else as `HF_HUB_OFFLINE` says."""
    if offline is not None:
        return offline
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def cached(source: Source) -> Path | None:
    """The local file of a source if it is already here; makes no request."""
    if source.kind == "path":
        return source.path if source.path and source.path.is_file() else None
    if source.kind == "url":
        path = cache.download_path(source.url)
        return path if path.is_file() else None
    # Not `hf_hub_download(local_files_only=True)`: with that, huggingface_hub 2.4 still makes one.
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(
        source.repo, source.file, cache_dir=cache.hub(), revision=source.revision or None
    )
    return Path(found) if isinstance(found, str) else None


def fetch(
    source: Source,
    sha256: str = "",
    progress: Progress | None = None,
    offline: bool | None = None,
) -> Path:
    """The local file of a source, downloaded if need be.

    The checksum is compared when the file arrives, not every time it is used.
    Raises UsageError for a path that is not there, DownloadError for everything else.
    """
    found = cached(source)
    if found:
        return found
    if source.kind == "path":
        raise UsageError(f"There is no file {source.path}.", "Check the path.")
    if is_offline(offline):
        raise DownloadError(
            f"{source} is not on this machine, and downloads are switched off.",
            "Fetch it once with a connection, or unset HF_HUB_OFFLINE.",
        )
    if source.kind == "url":
        return download(source.url, cache.download_path(source.url), sha256, progress)
    return _fetch_hub(source, sha256, progress)


def fetch_near(source: Source, name: str) -> Path | None:
    """The file called `name` in the folder of a Hub file, else in the folders above it.

    None when the repository has none; what it was once found not to have is not asked for again.
    """
    folder = PurePosixPath(source.file).parent
    for place in (folder, *folder.parents):
        wanted = hf(source.repo, str(place / name), source.revision)
        if not _known_absent(wanted):
            with suppress(_Absent):
                return fetch(wanted)
    return None


def pinned(source: Source, file: Path) -> Source:
    """The source at the very commit that `file`, its copy in the Hub's cache, is of."""
    folders = file.parts
    if source.kind != "hf" or "snapshots" not in folders:
        return source
    return replace(source, revision=folders[folders.index("snapshots") + 1])


def missing(entry: Entry) -> tuple[Source, ...]:
    """What `fetch_entry` would download: print `entry.announcement` first when there is any."""
    return tuple(source for source in entry.sources if cached(source) is None)


def fetch_entry(
    entry: Entry, progress: Progress | None = None, offline: bool | None = None
) -> dict[str, Path]:
    """The entry's files by name, downloaded if need be; for a bundled one those of its folder.

    Raises DownloadError, also for an entry whose files have no known address.
    """
    if entry.folder:
        if not entry.folder.is_dir():
            raise DownloadError(
                f"'{entry.name}' is not part of this installation.", "Reinstall vivavoce."
            )
        return {path.name: path for path in sorted(entry.folder.iterdir()) if path.is_file()}
    if not entry.sources:
        raise DownloadError(
            f"No download address is known for '{entry.name}'. {entry.notes}",
            f"Get its files and run `vivavoce models import FILE --as {entry.family}`.",
        )
    return {
        source.file: fetch(source, entry.sha256.get(source.file, ""), progress, offline)
        for source in entry.sources
    }


def _fetch_hub(source: Source, sha256: str, progress: Progress | None) -> Path:
    from huggingface_hub import errors, hf_hub_download

    options: dict[str, Any] = {
        "revision": source.revision or None,
        "cache_dir": cache.hub(),
        "endpoint": os.environ.get("HF_ENDPOINT") or None,
        "token": os.environ.get("HF_TOKEN") or None,
    }
    # Older releases of huggingface_hub 1.x show their own bar and cannot report.
    if "tqdm_class" in inspect.signature(hf_hub_download).parameters:
        options["tqdm_class"] = _bar(source.file, progress)
    try:
        path = Path(str(hf_hub_download(source.repo, source.file, **options)))
    except (errors.RepositoryNotFoundError, errors.GatedRepoError) as error:
        raise DownloadError(
            f"{source} does not exist or is not open to you.",
            "Check the name; for a gated repository accept its terms there and set HF_TOKEN.",
        ) from error
    except errors.RemoteEntryNotFoundError as error:
        raise _Absent(f"{source} does not exist.", "Check file and revision.") from error
    except errors.RevisionNotFoundError as error:
        raise DownloadError(f"{source} does not exist.", "Check file and revision.") from error
    except (OSError, ValueError, RuntimeError, _http_error()) as error:
        cause = error.__cause__ or error
        raise DownloadError(f"{source} could not be downloaded ({cause}).", AGAIN) from error
    if sha256 and file_sha256(path) != sha256.lower():
        path.resolve().unlink()
        path.unlink(missing_ok=True)
        raise DownloadError(
            f"{source} is not the file that was expected (its SHA-256 differs).",
            "It was thrown away. Check the revision.",
        )
    return path


def _known_absent(source: Source) -> bool:
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(
        source.repo, source.file, cache_dir=cache.hub(), revision=source.revision or None
    )
    return found is not None and not isinstance(found, str)


def _http_error() -> type[Exception]:
    """The base of what huggingface_hub's HTTP library raises (httpx or its successor)."""
    from huggingface_hub import errors

    return errors.HTTPError  # pyright: ignore[reportPrivateImportUsage]


def _bar(name: str, progress: Progress | None) -> type:
    """What huggingface_hub takes for a progress bar: passes the counts on, draws nothing."""

    class Bar:
        def __init__(self, *_: Any, total: int | None = None, initial: int = 0, **__: Any) -> None:
            self.total, self.n = total, initial

        def update(self, n: float | None = 1) -> None:
            self.n += int(n or 0)
            if progress:
                progress(name, self.n, self.total)

        def _nothing(self, *_: Any, **__: Any) -> None:
            return

        set_postfix_str = set_description = set_description_str = refresh = close = _nothing

        def __enter__(self) -> Bar:
            return self

        def __exit__(self, *_: object) -> None:
            return

    return Bar
