"""One file, or the list of files, at an address. Asks the network as a last resort.

What is cached is never asked about again: no request at all, so offline works. Hub files go
through huggingface_hub and its cache (`HF_HOME`, `HF_TOKEN`, `HF_ENDPOINT` are honoured).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from vivavoce.errors import DownloadError, OutputError, UsageError
from vivavoce.files import read_json, write_text
from vivavoce.hub import paths
from vivavoce.hub.address import Source, parse
from vivavoce.hub.download import (
    AGAIN,
    Absent,
    download,
    file_sha256,
    require_reachable,
)
from vivavoce.types import OnProgress

ENDPOINT = "https://huggingface.co"


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
        path = paths.download_path(source.url)
        return path if path.is_file() else None
    # Not `hf_hub_download(local_files_only=True)`: with that, huggingface_hub 2.4 still makes one.
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(
        source.repo, source.file, cache_dir=paths.hub(), revision=source.revision or None
    )
    return Path(found) if isinstance(found, str) else None


def fetch_file(
    source: Source,
    sha256: str = "",
    progress: OnProgress | None = None,
    offline: bool | None = None,
) -> Path:
    """The local file of a source, downloaded if need be.

    The checksum is compared when the file arrives, not every time it is used.
    Raises UsageError for a path that is not there, DownloadError for everything else.
    """
    if found := cached(source):
        return found
    if source.kind == "path":
        raise UsageError(f"There is no file {source.path}.", "Check the path.")
    require_online(source, offline)
    if source.kind == "url":
        return download(source.url, paths.download_path(source.url), sha256, progress)
    with _hub_errors(source):
        path = _hub_file(source, progress)
    if sha256 and file_sha256(path) != sha256.lower():
        drop(path)
        raise DownloadError(
            f"{source} is not the file that was expected (its SHA-256 differs).",
            "The file was deleted. Check the revision.",
        )
    return path


def list_files(source: Source, offline: bool | None = None) -> tuple[str, ...]:
    """The names of all files in a Hub repository; a list is asked for once per commit.

    Offline, those that are in the Hub's cache. Raises DownloadError.
    """
    if kept := read_json(_kept_list(source)).get("files"):
        return tuple(map(str, kept))
    if is_offline(offline):
        if not (names := _cached_names(source)):
            require_online(source, offline)
        return names
    with _hub_errors(source):
        from huggingface_hub import HfApi

        api = HfApi(endpoint=_endpoint(), token=os.environ.get("HF_TOKEN") or None)
        info = api.model_info(source.repo, revision=source.revision or None)
    names = tuple(file.rfilename for file in info.siblings or ())
    kept = _kept_list(replace(source, revision=info.sha or source.revision))
    with suppress(OutputError):  # keeping it only saves a request
        write_text(kept, json.dumps({"files": names}))
    return names


def pinned(source: Source, file: Path) -> Source:
    """The source at the very commit that `file`, its copy in the Hub's cache, is of."""
    folders = file.parts
    if source.kind != "hf" or "snapshots" not in folders:
        return source
    return replace(source, revision=folders[folders.index("snapshots") + 1])


def weights_of(manifest: Mapping[str, Any]) -> Source | None:
    """Where the weights of a stored model lie, if not in its folder. Raises UsageError."""
    weights = manifest.get("weights")
    address = weights.get("source") if isinstance(weights, dict) else None
    return parse(address) if isinstance(address, str) and address else None


def drop(path: Path) -> bool:
    """Delete a damaged copy of a download, so that it is fetched again; False for other files."""
    hub = paths.hub() or _default_hub()
    if not path.is_relative_to(paths.folder() / "downloads") and not path.is_relative_to(hub):
        return False
    with suppress(OSError):
        path.resolve().unlink()
    path.unlink(missing_ok=True)
    return True


def _default_hub() -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def _snapshot(source: Source) -> Path:
    """The folder in the Hub's cache for the revision of a source; it need not exist."""
    root = (paths.hub() or _default_hub()) / f"models--{source.repo.replace('/', '--')}"
    revision = source.revision or "main"
    with suppress(OSError):
        revision = (root / "refs" / revision).read_text(encoding="utf-8").strip()
    return root / "snapshots" / revision


def _kept_list(source: Source) -> Path:
    name = f"{source.repo.replace('/', '--')}--{_snapshot(source).name}.json"
    return paths.folder() / "downloads" / "lists" / name


def _cached_names(source: Source) -> tuple[str, ...]:
    folder = _snapshot(source)
    files = (file for file in sorted(folder.rglob("*")) if file.is_file())
    return tuple(file.relative_to(folder).as_posix() for file in files)


def require_online(source: Source, offline: bool | None = None) -> None:
    """Raises DownloadError where requests are forbidden."""
    if is_offline(offline):
        raise DownloadError(
            f"{source} is not on this machine, and downloads are switched off.",
            "Fetch it once with a connection, or unset HF_HUB_OFFLINE.",
        )


def _endpoint() -> str:
    return os.environ.get("HF_ENDPOINT") or ENDPOINT


def _hub_file(source: Source, progress: OnProgress | None) -> Path:
    from huggingface_hub import hf_hub_download

    found = hf_hub_download(
        source.repo,
        source.file,
        revision=source.revision or None,
        cache_dir=paths.hub(),
        endpoint=_endpoint(),
        token=os.environ.get("HF_TOKEN") or None,
        tqdm_class=_bar(source.file, progress),
    )
    return Path(found)


@contextmanager
def _hub_errors(source: Source) -> Iterator[None]:
    """Whatever huggingface_hub raises, as DownloadError; a dead server is found within seconds."""
    variable = "HF_ENDPOINT" if os.environ.get("HF_ENDPOINT") else ""
    require_reachable(_endpoint(), variable)
    from huggingface_hub import errors

    try:
        yield
    except (errors.RepositoryNotFoundError, errors.GatedRepoError) as error:
        raise DownloadError(
            f"{source} does not exist, or you have no access to it.",
            "Check the name; for a gated repository accept its terms there and set HF_TOKEN.",
        ) from error
    except errors.RemoteEntryNotFoundError as error:
        raise Absent(f"{source} does not exist.", "Check file and revision.") from error
    except errors.RevisionNotFoundError as error:
        raise DownloadError(f"{source} does not exist.", "Check file and revision.") from error
    except (OSError, ValueError, RuntimeError, _http_error()) as error:
        cause = error.__cause__ or error
        through = f" from {_endpoint()} ({variable})" if variable else ""
        raise DownloadError(
            f"{source} could not be downloaded{through} ({cause}).", AGAIN
        ) from error


def _http_error() -> type[Exception]:
    """The base of what huggingface_hub's HTTP library raises (httpx or its successor)."""
    from huggingface_hub import errors

    return errors.HTTPError  # pyright: ignore[reportPrivateImportUsage]


def _bar(name: str, progress: OnProgress | None) -> type:
    """What huggingface_hub takes for a progress bar: passes the counts on, draws nothing."""

    class Bar:
        def __init__(self, *_: Any, total: int | None = None, initial: int = 0, **__: Any) -> None:
            self.total, self.n = total, initial

        def update(self, n: float | None = 1) -> None:
            self.n += int(n or 0)
            if progress:
                progress(self.n, self.total, name)

        def _nothing(self, *_: Any, **__: Any) -> None:
            return

        set_postfix_str = set_description = set_description_str = refresh = close = _nothing

        def __enter__(self) -> Bar:
            return self

        def __exit__(self, *_: object) -> None:
            return

    return Bar
