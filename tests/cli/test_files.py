"""Reading texts and writing small files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vivavoce.cli.files import read_text, require_writable
from vivavoce.errors import OutputError, TextError, UsageError


def test_a_byte_order_mark_is_not_text(tmp_path):
    file = tmp_path / "a.txt"
    file.write_bytes("\ufeffGrüße.\n".encode())
    assert read_text(None, file) == "Grüße.\n"


def test_a_text_that_is_not_utf8_says_where(tmp_path):
    file = tmp_path / "latin.txt"
    file.write_bytes(b"Gr\xfc\xdfe")
    with pytest.raises(TextError, match=r"Byte 2 of .*latin\.txt is not UTF-8"):
        read_text(None, file)


def test_an_argument_that_is_not_utf8_is_refused():
    with pytest.raises(TextError, match="not UTF-8"):
        read_text(os.fsdecode(b"caf\xe9"), None)


@pytest.mark.parametrize(
    ("text", "file", "message"),
    [
        (None, None, "No text"),
        ("a", Path("a.txt"), "mutually exclusive"),
        (None, Path("nowhere.txt"), "Cannot read nowhere.txt: No such file"),
        (None, Path("/"), "Cannot read /: Is a directory"),
    ],
)
def test_what_cannot_be_read_is_a_usage_error(text, file, message):
    with pytest.raises(UsageError, match=message):
        read_text(text, file)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("folder", "is a folder"),
        ("absent/a.wav", "absent does not exist"),
        ("file/a.wav", "file is a file"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused(tmp_path, name, message):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=message):
        require_writable(tmp_path / name)


def test_no_permission_is_an_output_error(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with pytest.raises(OutputError, match="Permission denied"):
        require_writable(tmp_path / "a.wav")


def test_looking_leaves_nothing_behind(tmp_path):
    require_writable(tmp_path / "a.wav")
    require_writable(Path(os.devnull))
    assert list(tmp_path.iterdir()) == []


def test_the_name_of_a_file_is_not_spoken(here):
    (here / "notes.txt").write_text("Words.")
    with pytest.raises(UsageError, match=r"'notes\.txt' is the name of a file.*-f"):
        read_text("notes.txt", None)
    assert read_text("absent.txt", None) == "absent.txt"
    assert read_text("Read notes.txt", None) == "Read notes.txt"
