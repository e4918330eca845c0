"""Bark as people have it: a folder of upstream's files, imported, fetched with those of others."""

from __future__ import annotations

import pytest
import torch

from tests.models.bark import official
from vivavoce.errors import BadCheckpoint, UnsafeCheckpoint
from vivavoce.hub import catalog, library
from vivavoce.speech.load import load

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def folder(tmp_path):
    return official.write_official(tmp_path / "bark")


def test_a_folder_of_pickles_is_imported_and_speaks(folder):
    imported = library.import_checkpoint(folder, name="mine")
    row = next(row for row in library.installed() if row.name == "mine")
    assert (row.family, row.own_vocoder, len(row.languages)) == ("bark", True, 13)
    tts = load(imported, device="cpu")
    assert tts.sample_rate == 24_000
    said = tts.speak("good evening.", duration_s=0.1, on_problem="warn")
    assert 1_000 < len(said.samples) < 12_000


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("fine_2.pt", "lacks the model of the fine codes"),
        ("encodec.safetensors", "has no codec"),
        ("vocab.txt", r"no vocab\.txt beside"),
    ],
)
def test_a_missing_file_is_named(folder, missing, message):
    (folder / missing).unlink()
    with pytest.raises(BadCheckpoint, match=message):
        library.import_checkpoint(folder)


def test_a_file_that_runs_code_is_refused(folder):
    class Bad:
        def __reduce__(self):
            return print, ("run",)

    torch.save({"model": {"a": Bad()}}, folder / "fine_2.pt")
    with pytest.raises(UnsafeCheckpoint):
        library.import_checkpoint(folder)


def test_it_is_got_by_its_names_with_the_files_of_others(hub, folder):
    entry = next(entry for entry in catalog.entries() if entry.name == "bark")
    assert (entry.licence, entry.repo) == ("MIT", "erogol/bark")
    for file in entry.files:
        hub.put(entry.repo, file, (folder / file).read_bytes())
    codec, vocabulary = (folder / name for name in ("encodec.safetensors", "vocab.txt"))
    hub.put("facebook/encodec_24khz", "model.safetensors", codec.read_bytes())
    hub.put("google-bert/bert-base-multilingual-cased", "vocab.txt", vocabulary.read_bytes())
    got = library.get("tts_models/multilingual/multi-dataset/bark")
    assert got.name == "bark"
    assert library.show("bark").row.licence == "MIT"
    assert load("bark", device="cpu").model.config.semantic.heads == 2
