"""The command line, called in this process, with a tiny voice in the bundled one's place."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.tiny import tiny_f5_folders, tiny_tts
from vivavoce.cli import main
from vivavoce.models import MODELS


@dataclass(frozen=True)
class Result:
    code: int
    stdout: bytes
    err: str

    @property
    def out(self) -> str:
        return self.stdout.decode()


class Terminal(io.StringIO):
    """What sys.stdout or sys.stderr is when a person looks at it."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def cli(
    capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Result]:
    def run(*argv: str, stdin: bytes = b"") -> Result:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsysbinary.readouterr()
        code = main([str(a) for a in argv])
        out, err = capsysbinary.readouterr()
        return Result(code, out, err.decode())

    return run


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


DEFAULT = ("auto", False)


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """A tiny voice is loaded, whatever is asked for; what was asked is listed."""
    asked: list[dict[str, Any]] = []

    def load(
        model: object = None, *, precision: str = "auto", fast: bool = False, **how: Any
    ) -> Any:
        lower = {"precision": precision, "fast": fast}
        asked.append({"model": model} | how | {k: v for k, v in lower.items() if v not in DEFAULT})
        return tiny_tts(n_speakers=2)

    monkeypatch.setattr("vivavoce.speech.load.load", load)
    return asked


@pytest.fixture(scope="session")
def clones(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a stored model that clones."""
    return str(tiny_f5_folders(tmp_path_factory.mktemp("f5"))[0])


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The folder of a stored model whose weights make voices, and its family known."""
    from tests.toy import toy_folder

    monkeypatch.setitem(MODELS.folders, "toy", "tests.toy")
    return str(toy_folder(tmp_path / "toys"))
