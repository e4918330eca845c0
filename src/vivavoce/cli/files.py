"""Texts in and small files out, refused before any work is done."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from vivavoce.errors import OutputError, TextError, UsageError


def read_text(text: str | None, file: Path | None) -> str:
    """The text to speak: as given, from standard input (`-`), or from a UTF-8 file.

    Raises UsageError when none or two are given or the file cannot be read, TextError when it is
    not UTF-8.
    """
    if file is not None and text is not None:
        raise UsageError("TEXT and --file are mutually exclusive.", "Give one of them.")
    if file is not None:
        try:
            return _decode(file.read_bytes(), str(file))
        except OSError as error:
            raise UsageError(f"Cannot read {file}: {error.strerror}.", "Check the path.") from error
    if text is None:
        raise UsageError("No text given.", "Give TEXT, --file FILE, or - for standard input.")
    if len(text.split()) == 1 and Path(text).suffix and _is_file(text):
        raise UsageError(
            f"'{text}' is the name of a file.", "Give it with -f or --transcript-file."
        )
    if text == "-":
        return _decode(sys.stdin.buffer.read(), "standard input")
    return _decode(os.fsencode(text), "the text")


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):
        return False


def _decode(data: bytes, where: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TextError(
            f"Byte {error.start} of {where} is not UTF-8.",
            "Save the text as UTF-8 (for example: iconv -f LATIN1 -t UTF-8 FILE).",
        ) from error


def require_writable(path: Path) -> None:
    """Raises OutputError unless a file could be made at `path` now. Leaves nothing behind."""
    if path.is_dir():
        raise OutputError(f"{path} is a folder.", "Give the name of a file.")
    if path.exists() and not path.is_file():
        return  # a pipe or a device, written as it is
    if not path.parent.is_dir():
        if path.parent.exists():
            raise OutputError(f"{path.parent} is a file, not a folder.", "Choose another place.")
        raise OutputError(
            f"The folder {path.parent} does not exist.", "Create it, or choose another."
        )
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise _refused(path, error) from error


def _refused(path: Path, error: OSError) -> OutputError:
    return OutputError(f"Cannot write {path}: {error.strerror}.", "Choose another place.")
