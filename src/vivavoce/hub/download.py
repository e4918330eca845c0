"""One file over HTTP: resumed where it stopped, checked, and in place only when whole.

Knows addresses and bytes, not models. The unfinished file lies beside the target as `NAME.part`,
with `NAME.part.json` saying what it is a part of.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from vivavoce.errors import DownloadError

try:
    import fcntl
except ImportError:  # Windows: two downloads of one file at once are not kept apart there
    fcntl = None

# (file name, bytes so far, bytes in all or None)
Progress = Callable[[str, int, int | None], None]

CHUNK = 1 << 20
TIMEOUT_S = 30.0
AGAIN = "Run the same command again to continue where it stopped."


@dataclass(frozen=True)
class _Remote:
    """What identifies the version of a remote file."""

    url: str
    etag: str = ""
    size: int | None = None


def download(url: str, target: Path, sha256: str = "", progress: Progress | None = None) -> Path:
    """Fetch `url` into `target`, continuing an earlier attempt if the remote file is the same.

    Raises DownloadError; the part stays for the next attempt unless its checksum was wrong.
    """
    part = target.with_name(f"{target.name}.part")
    note = target.with_name(f"{target.name}.part.json")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _claimed(part) as file:
            if target.exists():  # another process has just finished it
                return target
            _transfer(url, file, note, target.name, progress)
        if sha256 and file_sha256(part) != sha256.lower():
            part.unlink()
            note.unlink(missing_ok=True)
            raise DownloadError(
                f"{url} is not the file that was expected (its SHA-256 differs).",
                "It was thrown away. Try again; if it persists, its source has changed it.",
            )
        part.replace(target)
        note.unlink(missing_ok=True)
    except urllib.error.HTTPError as error:
        error.close()
        raise _refused(url, error.code) from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise DownloadError(f"{url} could not be downloaded ({reason}).", AGAIN) from error
    return target


@contextmanager
def _claimed(part: Path) -> Iterator[IO[bytes]]:
    """The part opened for appending, by one process at a time."""
    with part.open("a+b") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise DownloadError(
                    f"Another process is downloading {part.stem}.", "Wait until it has finished."
                ) from error
        try:
            yield file
        except BaseException:
            if not file.seek(0, os.SEEK_END):
                with suppress(OSError):
                    part.unlink()
            raise


def _transfer(url: str, file: IO[bytes], note: Path, name: str, progress: Progress | None) -> None:
    known = _read_note(note)
    done = file.seek(0, os.SEEK_END)
    if known.url != url or not (known.etag or known.size):
        done = 0
    if done and done == known.size:  # only the renaming was missing
        return
    with _open(url, done, known) as response:
        resumed = response.status == 206
        if not resumed:
            done = 0
            file.truncate(0)
        total = _total(response, done)
        remote = _Remote(url, response.headers.get("ETag", ""), total)
        note.write_text(json.dumps(asdict(remote)), encoding="utf-8")
        while chunk := response.read(CHUNK):
            file.write(chunk)
            done += len(chunk)
            if progress:
                progress(name, done, total)
    if total is not None and done != total:
        raise DownloadError(f"{url} broke off after {done} of {total} bytes.", AGAIN)


def _open(url: str, start: int, known: _Remote) -> Any:
    """A response that continues at `start` (status 206), or the whole file (200)."""
    if start:
        headers = {"Range": f"bytes={start}-"}
        if known.etag and not known.etag.startswith("W/"):
            headers["If-Range"] = known.etag
        try:
            response = _request(url, headers)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code != 416:
                raise
        else:
            if response.status != 206 or _continues(response, start, known):
                return response
            response.close()
    return _request(url, {})


def _request(url: str, headers: dict[str, str]) -> Any:
    request = urllib.request.Request(url, headers={"User-Agent": "vivavoce", **headers})  # noqa: S310
    return urllib.request.urlopen(request, timeout=TIMEOUT_S)  # noqa: S310 - http(s) by Source


def _continues(response: Any, start: int, known: _Remote) -> bool:
    """Whether a partial response is the rest of the very file whose beginning we have."""
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
    if not found or int(found[1]) != start:
        return False
    same_size = known.size is None or int(found[2]) == known.size
    return same_size and response.headers.get("ETag", "") == known.etag


def _total(response: Any, done: int) -> int | None:
    length = response.headers.get("Content-Length", "")
    return done + int(length) if length.isdecimal() else None


def _read_note(note: Path) -> _Remote:
    try:
        return _Remote(**json.loads(note.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return _Remote("")


def file_sha256(file: Path) -> str:
    """The SHA-256 of a file, in lower-case hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _refused(url: str, code: int) -> DownloadError:
    advice = "Try again later."
    if code in (404, 410):
        advice = "It is not there (any more): check the address."
    elif code in (401, 403):
        advice = "It may not be fetched without permission."
    return DownloadError(f"{url} was refused by the server (HTTP {code}).", advice)
