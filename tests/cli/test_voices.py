"""`vivavoce voices …` hands over to the library and prints what it answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vivavoce.errors import UnknownVoice

ROWS = [
    {"name": "one", "model": "m", "language": "en", "licence": "CC0-1.0"},
    {"name": "me", "model": "m", "language": "de"},
]


@pytest.fixture(autouse=True)
def calls(monkeypatch):
    made = []

    def remove(name):
        if name != "me":
            raise UnknownVoice(f"There is no voice '{name}' of yours.")
        made.append(("remove", name))

    def add(name, recording, **how):
        made.append(("add", name, str(recording), how))
        return Path("voices") / name

    place = "vivavoce.synthesis.library"
    monkeypatch.setattr(f"{place}.voices_list", lambda: ROWS)
    monkeypatch.setattr(f"{place}.voices_show", lambda name: {"name": name, "language": "de"})
    monkeypatch.setattr(f"{place}.voices_add", add)
    monkeypatch.setattr(f"{place}.voices_remove", remove)
    return made


def test_list(cli):
    assert json.loads(cli("voices", "list", "--json").out) == ROWS
    assert "CC0-1.0" in cli("voices", "list").out


def test_show(cli):
    assert json.loads(cli("voices", "show", "me", "--json").out)["language"] == "de"
    assert "de" in cli("voices", "show", "me").out


def test_add(cli, calls):
    result = cli(
        "voices", "add", "me", "a.wav", "-m", "m", "--transcript", "Hi.", "--language", "de"
    )
    assert result.out == f"{Path('voices/me')}\n"
    how = {"model": "m", "transcript": "Hi.", "language": "de", "licence": "", "device": "auto"}
    assert calls == [("add", "me", "a.wav", how)]


def test_remove(cli, calls):
    assert cli("voices", "remove", "me").err == "removed me\n"
    assert cli("voices", "remove", "you").code == 2
    assert calls == [("remove", "me")]
