"""`vivavoce models …` hands over to the library and prints what it answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vivavoce.errors import UnknownModel

ROWS = [
    {"name": "one", "kind": "acoustic", "family": "x", "languages": ["en"], "installed": True},
    {"name": "two", "kind": "vocoder", "family": "y", "licence": "MIT", "installed": False},
]


@pytest.fixture(autouse=True)
def calls(monkeypatch):
    made = []

    def show(name):
        found = {row["name"]: row for row in ROWS}
        if name not in found:
            raise UnknownModel(f"No model is called '{name}'.", "Did you mean 'one'?")
        return found[name]

    def get(name, on_progress, offline):
        made.append(("get", name, offline))
        on_progress(1, 2)
        return Path("cache") / name

    def import_checkpoint(file, family, config=None, name=None):
        made.append(("import", str(file), family, config and str(config), name))
        return Path("cache") / (name or "file")

    place = "vivavoce.hub.library"
    monkeypatch.setattr(f"{place}.installed", lambda: ROWS)
    monkeypatch.setattr(f"{place}.show", show)
    monkeypatch.setattr(f"{place}.get", get)
    monkeypatch.setattr(f"{place}.import_checkpoint", import_checkpoint)
    monkeypatch.setattr(f"{place}.path", lambda name: Path("cache") / name)
    monkeypatch.setattr(f"{place}.remark", lambda folder: f"Read as {folder.name}.")
    return made


def test_list(cli):
    assert json.loads(cli("models", "list", "--json").out) == ROWS
    lines = cli("models", "list").out.splitlines()
    assert [line.split()[0] for line in lines] == ["name", "one", "two"]
    assert lines[2].split()[-2:] == ["MIT", "no"]


def test_show(cli):
    assert json.loads(cli("models", "show", "two", "--json").out) == ROWS[1]
    assert "MIT" in cli("models", "show", "two").out


def test_an_unknown_name_has_near_misses(cli):
    result = cli("models", "show", "onne")
    assert result.code == 2
    assert "Did you mean 'one'?" in result.err


def test_get_says_the_licence_before_the_first_download_only(cli, calls):
    first = cli("models", "get", "two")
    assert first.out == f"{Path('cache/two')}\n"
    assert "licence MIT" in first.err
    assert "Read as two." in first.err
    assert "licence" not in cli("models", "get", "one", "--offline").err
    assert calls == [("get", "two", None), ("get", "one", True)]


def test_import(cli, calls):
    result = cli("models", "import", "a.pth", "--as", "x", "--config", "c.json", "--name", "mine")
    assert calls == [("import", "a.pth", "x", "c.json", "mine")]
    assert "mine" in result.out
    assert "Read as mine." in result.err
    assert cli("models", "import", "a.pth").code == 2


def test_path(cli):
    assert cli("models", "path", "one").out == f"{Path('cache/one')}\n"
    assert json.loads(cli("models", "path", "one", "--json").out)["path"] == str(Path("cache/one"))
