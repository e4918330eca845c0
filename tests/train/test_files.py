from __future__ import annotations

import pytest

from vivavoce.errors import OutputError
from vivavoce.train import files


def test_a_file_is_replaced_and_a_folder_too(tmp_path):
    for text in ("one", "two"):
        with files.whole(tmp_path / "deep" / "file") as temporary:
            temporary.write_text(text)
        with files.whole(tmp_path / "folder") as temporary:
            temporary.mkdir()
            (temporary / text).write_text(text)
    assert (tmp_path / "deep" / "file").read_text() == "two"
    assert [p.name for p in (tmp_path / "folder").iterdir()] == ["two"]


def test_an_error_inside_leaves_the_old_one_and_nothing_else(tmp_path):
    def write(text: str, error: type[Exception] | None) -> None:
        with files.whole(tmp_path / "file") as temporary:
            temporary.write_text(text)
            if error:
                raise error("no")

    write("one", None)
    with pytest.raises(KeyError):
        write("two", KeyError)
    with pytest.raises(OutputError, match="file"):
        write("two", OSError)
    assert [p.read_text() for p in tmp_path.iterdir()] == ["one"]
