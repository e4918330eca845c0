from __future__ import annotations

from pathlib import Path

import pytest

from vivavoce.checkpoints.companions import Companion
from vivavoce.errors import UsageError
from vivavoce.hub import address as source
from vivavoce.hub.address import Source


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hf://org/repo/file.pt", Source("hf", "org/repo", "file.pt")),
        ("hf://org/repo/a/b.pt@v1.0", Source("hf", "org/repo", "a/b.pt", "v1.0")),
        ("hf://o/r/f@refs/pr/1", Source("hf", "o/r", "f", "refs/pr/1")),
        ("hf://o/r/.hidden/f.pt", Source("hf", "o/r", ".hidden/f.pt")),
        ("hf://o/r", Source("hf", "o/r")),
        ("hf://o/r/@v1", Source("hf", "o/r", "", "v1")),
        ("https://huggingface.co/o/r", Source("hf", "o/r")),
        ("https://huggingface.co/o/r/tree/main/a", Source("hf", "o/r", "a")),
        ("https://huggingface.co/o/r/blob/main/a/b.pt", Source("hf", "o/r", "a/b.pt")),
        ("https://hf.co/o/r/resolve/v2/b.pt?download=true", Source("hf", "o/r", "b.pt", "v2")),
        ("https://hf-mirror.com/o/r/blob/main/b.pt", Source("hf", "o/r", "b.pt")),
        ("https://mirror.example/o/r/blob/main/b.pt", Source("hf", "o/r", "b.pt")),
        ("https://mirror.example/o/b.pt", Source("url", url="https://mirror.example/o/b.pt")),
        (
            "https://github.com/o/r/blob/main/b.pth",
            Source("url", url="https://github.com/o/r/raw/main/b.pth"),
        ),
        ("https://a.example/x.pt", Source("url", url="https://a.example/x.pt")),
        ("model.safetensors", Source("path", path=Path("model.safetensors"))),
        ("./folder", Source("path", path=Path("folder"))),
        ("/somewhere/model", Source("path", path=Path("/somewhere/model"))),
        ("kathleen", None),
        ("glow-tts-ljspeech", None),
    ],
)
def test_parsing(text, expected, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example")
    assert source.parse(text) == expected


def test_what_exists_is_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert source.parse("checkpoint") is None
    (tmp_path / "checkpoint").write_bytes(b"")
    assert source.parse("checkpoint") == Source("path", path=Path("checkpoint"))


@pytest.mark.parametrize(
    "text",
    [
        "hf://org",
        "hf://org/repo/../secret",
        "hf://../repo/file",
        "hf://org/repo/file@../x",
        "hf://org/re po/file",
        "ftp://a.example/x",
        "file:///etc/passwd",
    ],
)
def test_what_cannot_be_an_address(text):
    with pytest.raises(UsageError, match="hf://"):
        source.parse(text)


@pytest.mark.parametrize(
    "text",
    ["https://huggingface.co/datasets/o/r", "https://huggingface.co/o", "https://hf.co/o/r/issues"],
)
def test_other_pages_of_the_hub(text):
    with pytest.raises(UsageError, match="not a model's page"):
        source.parse(text)


@pytest.mark.parametrize(
    "text", ["hf://o/r", "hf://o/r/a/b.pt@v1", "https://a.example/x", "/a/b.pt"]
)
def test_sources_print_as_they_were_typed(text):
    assert str(source.parse(text)) == text


def test_a_companions_suffix_says_what_is_in_it():
    assert Companion("speakers_xtts.pth").tensors
    assert not Companion("vocab*.txt").tensors
    assert not Companion("vocab.json").tensors
