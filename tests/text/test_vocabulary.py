"""Vocabulary files as they are found: line ends, marks, gaps, and what is no vocabulary."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vivavoce.errors import BadCheckpoint
from vivavoce.text.vocabulary import read_vocabulary


@pytest.mark.parametrize(
    "written",
    [" \na\nni3\n", " \na\nni3", " \r\na\r\nni3\r\n", "\ufeff \na\nni3\n", " \r\na\r\nni3"],
)
def test_line_ends_and_marks_are_not_tokens(tmp_path: Path, written: str) -> None:
    file = tmp_path / "vocab.txt"
    file.write_bytes(written.encode())
    assert read_vocabulary(file) == read_vocabulary(written)
    assert read_vocabulary(file).tokens == (" ", "a", "ni3")


def test_nothing_is_stripped() -> None:
    found = read_vocabulary(" \n\u3000\n\n a\nb\t\n\u2028\n\x0b\n\n")
    assert found.tokens == (" ", "\u3000", "", " a", "b\t", "\u2028", "\x0b", "")


def test_ids_and_what_is_unknown() -> None:
    vocabulary = read_vocabulary(" \na\nb\na\n")
    tokens = ["a", "x", " ", "b", "y", "x"]
    assert vocabulary.ids(tokens) == [3, 0, 0, 2, 0, 0]  # the later "a" counts
    assert vocabulary.unknown(tokens) == {"x": 2, "y": 1}
    assert len(vocabulary) == 4


def test_what_is_no_vocabulary(tmp_path: Path) -> None:
    file = tmp_path / "vocab.txt"
    with pytest.raises(BadCheckpoint, match="cannot be read"):
        read_vocabulary(file)
    for content in (b"", b"\n", b"\xef\xbb\xbf\r\n"):
        file.write_bytes(content)
        with pytest.raises(BadCheckpoint, match="is empty"):
            read_vocabulary(file)
    file.write_bytes(" \na\nü\n".encode("latin-1"))
    with pytest.raises(BadCheckpoint, match=r"not UTF-8 text \(byte 4\)"):
        read_vocabulary(file)


def test_the_official_one(data_folder: Callable[[str], Path]) -> None:
    vocabulary = read_vocabulary(data_folder("f5_vocab") / "vocab.txt")
    assert len(vocabulary) == len(set(vocabulary.tokens)) == 2545
    assert vocabulary.tokens[0] == " "
    assert vocabulary.ids(["ni3", "A", "nope"]) == [vocabulary.tokens.index("ni3"), 32, 0]
