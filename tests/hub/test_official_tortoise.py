"""Tortoise by its catalogue names: seven files of a repository, and a tokenizer from elsewhere."""

from __future__ import annotations

import pytest

from tests.models.tortoise import official
from tests.models.xtts.vocabulary import vocabulary
from vivavoce.checkpoints.companions import Companion
from vivavoce.hub import library
from vivavoce.models.tortoise.importer import IMPORTER, TOKENIZER
from vivavoce.speech.load import load

REPO = "jbetker/tortoise-tts-v2"


@pytest.fixture
def release(hub, tmp_path, monkeypatch):
    """The pretended Hub with a toy of the release; the tokenizer's address is one of its own."""
    assert TOKENIZER.startswith("https://")
    folder = official.write(tmp_path / "release")
    for file in sorted(folder.rglob("*.pth")):
        hub.put(REPO, file.relative_to(folder).as_posix(), file.read_bytes())
    hub.files["/tokenizer.json"] = vocabulary().encode()
    elsewhere = Companion("tokenizer.json", otherwise=f"{hub.address}/tokenizer.json")
    monkeypatch.setitem(IMPORTER.companions, "vocabulary", elsewhere)
    return hub


@pytest.mark.parametrize("name", ["tortoise", "tts_models/en/multi-dataset/tortoise-v2"])
def test_it_is_fetched_and_speaks(release, name):
    folder = library.get(name)
    assert folder.name == "tortoise-v2"
    asked = {path for _, path, _ in release.requests}
    assert not [path for path in asked if "cvvp" in path], "what is not needed is not fetched"
    row = next(row for row in library.installed() if row.name == "tortoise-v2")
    assert (row.family, row.licence) == ("tortoise", "Apache-2.0")
    tts = load("tortoise-v2", device="cpu")
    said = tts.speak("Hello.", "3", candidates=1, steps=2, on_problem="warn")
    assert len(said.samples) > 0.5 * said.sample_rate
