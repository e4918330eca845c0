"""One file over HTTP: resumed where it stopped, checked, and renamed to its name when whole.

The unfinished file is `NAME.part` beside the target, `NAME.part.json` says what it is a part of.
A lock is held from the first byte to the renaming.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import socket
import urllib.error
import urllib.request
import zipfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urlsplit
from urllib.request import getproxies, proxy_bypass

from vivavoce.errors import DownloadError
from vivavoce.files import lock
from vivavoce.types import OnProgress

CHUNK = 1 << 20
TIMEOUT_S = 30.0
CONNECT_S = 5.0
MAX_HEADER = 100 << 20
_AS_IT_IS = "%/:=&?~#+!$,;'@()*[]"  # what an address may hold; the rest is percent-encoded
MARKUP = (b"<!doctype html", b"<html", b"<head", b"<?xml")
AGAIN = "Run the same command again to continue where it stopped."


class Absent(DownloadError):
    """The server was asked and has no such file, or shows a page in place of it."""


@dataclass(frozen=True)
class _Remote:
    """What identifies the version of a remote file."""

    url: str
    etag: str = ""
    size: int | None = None


def download(url: str, target: Path, sha256: str = "", progress: OnProgress | None = None) -> Path:
    """Fetch `url` into `target`, continuing an earlier attempt if the remote file is the same.

    Raises DownloadError; the part stays for the next attempt unless its content was wrong: another
    checksum, nothing at all, or a web page in place of a file.
    """
    part = target.with_name(f"{target.name}.part")
    note = target.with_name(f"{target.name}.part.json")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with lock(target.with_name(f".{target.name}.lock"), wait=False):
            if target.exists():  # another process has just finished it
                return target
            require_reachable(url)
            with part.open("a+b") as file:
                _transfer(url, file, note, target.name, progress)
            if wrong := _wrong_content(part, target, sha256):
                _discard(part, note)
                raise Absent(f"{url} {wrong}.", "The file was deleted. Check the address.")
            part.replace(target)
            note.unlink(missing_ok=True)
    except urllib.error.HTTPError as error:
        error.close()
        _discard_empty(part, note)
        raise _refused(url, error.code) from error
    except BlockingIOError as error:
        raise DownloadError(
            f"Another process is downloading {target.name}.", "Wait until it has finished."
        ) from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        _discard_empty(part, note)
        reason = getattr(error, "reason", error)
        raise DownloadError(f"{url} could not be downloaded ({reason}).", AGAIN) from error
    return target


def require_reachable(url: str, variable: str = "") -> None:
    """Raises DownloadError where the server, or the proxy before it, takes no connection.

    `variable` names the environment variable that chose the server. Takes 5 s at most for each
    address, where libraries retry for a minute and do not say which server is dead.
    """
    proxy = ""
    try:
        parts = urlsplit(url)
        if not proxy_bypass(parts.hostname or ""):
            proxies = getproxies()
            proxy = proxies.get(parts.scheme) or proxies.get("all") or ""
        if proxy:
            variable = f"{parts.scheme.upper()}_PROXY"
            parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((parts.hostname or "", port), CONNECT_S).close()
    except (OSError, ValueError) as error:
        what = f"The proxy {proxy}" if proxy else url
        chosen = f" ({variable})" if variable else ""
        advice = f"Correct or unset {variable}." if variable else "Check address and connection."
        raise DownloadError(f"{what}{chosen} cannot be reached: {error}.", advice) from error


def _wrong_content(file: Path, target: Path, sha256: str) -> str:
    """What is wrong with a whole file, if anything: what some networks send in place of it."""
    with file.open("rb") as stream:
        start = stream.read(512).lstrip().lower()
    if not start:
        return "is empty"
    if start.startswith(MARKUP) and target.suffix not in (".html", ".xml"):
        return "is a web page, not a file"
    if is_cut(file, target.suffix):
        return "ended before the file was complete"
    if sha256 and file_sha256(file) != sha256.lower():
        return "is not the file that was expected (its SHA-256 differs)"
    return ""


def is_cut(file: Path, suffix: str = "") -> bool:
    """Whether a weight file lacks its end, by the sizes that its container states."""
    with file.open("rb") as stream:
        start = stream.read(8)
    if (suffix or file.suffix) == ".safetensors":
        return not _is_whole_safetensors(file)
    return start.startswith(b"PK\3\4") and not zipfile.is_zipfile(file)


def _is_whole_safetensors(file: Path) -> bool:
    try:
        with file.open("rb") as stream:
            size = int.from_bytes(stream.read(8), "little")
            header = json.loads(stream.read(min(size, MAX_HEADER)))
        ends = [e["data_offsets"][1] for name, e in header.items() if name != "__metadata__"]
        return file.stat().st_size == 8 + size + max(ends, default=0)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        return False


def _discard(*files: Path) -> None:
    for file in files:
        with suppress(OSError):
            file.unlink()


def _discard_empty(part: Path, note: Path) -> None:
    with suppress(OSError):
        if not part.stat().st_size:
            _discard(part, note)


def _transfer(
    url: str, file: IO[bytes], note: Path, name: str, progress: OnProgress | None
) -> None:
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
                progress(done, total, name)
    if total is not None and done != total:
        raise DownloadError(f"{url} stopped after {done} of {total} bytes.", AGAIN)


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
    request = urllib.request.Request(  # noqa: S310
        quote(url, safe=_AS_IT_IS), headers={"User-Agent": "vivavoce", **headers}
    )
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
    what = f"{url} was refused by the server (HTTP {code})."
    if code in (404, 410):
        return Absent(what, "The file does not exist. Check the address.")
    if code in (401, 403):
        return Absent(what, "Check that you have permission to download it.")
    return DownloadError(what, "Try again later.")
