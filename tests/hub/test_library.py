"""What is known, what is here, and how models come and go."""

from __future__ import annotations

import shutil

import pytest
import torch
from safetensors.torch import save_file

from tests.hub.conftest import opened
from tests.models.f5.official import VOCABULARY, dit, saved, unett
from tests.tiny import tiny_folders
from vivavoce.checkpoints import store
from vivavoce.errors import BadCheckpoint, DownloadError, UnknownModel, UsageError
from vivavoce.hub import library, paths
from vivavoce.hub.fetch import Given
from vivavoce.hub.resolve import resolve


@pytest.fixture
def stored(home):
    """Two models in the store."""
    tiny_folders(home / "models", n_speakers=2)
    return home / "models"


@pytest.fixture
def checkpoint(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    save_file(saved(dit()), folder / "voice.safetensors")
    (folder / "vocab.txt").write_text(VOCABULARY)
    return folder / "voice.safetensors"


def rows():
    return {row.name: row for row in library.installed()}


def test_lists_the_catalogue_and_what_was_imported(stored):
    assert rows()["kathleen"].source == "bundled"
    assert not rows()["vocos-mel-24khz"].installed
    imported = [row for row in rows().values() if str(stored) in row.path]
    assert {row.kind for row in imported} == {"acoustic", "vocoder"}
    assert rows()["tiny"].speakers == ("speaker0", "speaker1")


def test_the_keys_of_a_row_in_json(stored):
    keys = {"name", "kind", "family", "languages", "licence", "vocoder", "installed", "source"}
    assert all(keys <= row.plain().keys() for row in rows().values())
    assert rows()["f5-v1"].plain()["parameters"] == 337096804


def test_a_model_is_called_as_its_folder(stored):
    (stored / "tiny").rename(stored / "other")
    assert rows()["other"].installed
    assert library.path("other") == stored / "other"
    assert "tiny" not in rows()


def test_a_folder_that_cannot_be_read_does_not_hide_the_others(stored):
    (stored / "tiny" / store.MANIFEST).write_text("[oops")
    assert "not valid TOML" in rows()["tiny"].problem
    assert rows()["tiny-vocos"].installed
    assert "tiny" not in {row.name for row in library.usable(library.installed())}


def test_models_that_can_speak_here(stored):
    """One whose vocoder is not on this machine cannot."""
    assert {row.name for row in library.usable(library.installed())} == {
        "kathleen",
        "linnet",
        "tiny",
    }
    shutil.rmtree(stored / "tiny-vocos")
    assert {row.name for row in library.usable(library.installed())} == {"kathleen", "linnet"}


def test_what_is_not_here_says_how_to_get_it(home):
    with pytest.raises(UnknownModel, match="models get glow-tts-ljspeech"):
        library.path("glow-tts-ljspeech")
    with pytest.raises(UnknownModel, match=r"'f5-v1' is not downloaded\. Run: vivavoce models get"):
        library.path("F5TTS_v1_Base")
    with pytest.raises(DownloadError):
        library.get("vocos-mel-24khz", offline=True)


def test_a_folder_without_a_manifest(home, tmp_path):
    with pytest.raises(UnknownModel, match=r"no model\.toml.*models import"):
        library.path(str(tmp_path))


def test_a_model_is_got_with_its_vocoder(hub, tmp_path):
    entry = resolve("e2").entry
    save_file(saved(unett()), tmp_path / "e2.safetensors")
    hub.put(entry.repo, entry.files[0], (tmp_path / "e2.safetensors").read_bytes())
    hub.put(entry.repo, entry.files[1], VOCABULARY.encode())
    assert library.get("E2TTS_Base") == paths.models() / "e2"
    here = {row.name for row in library.installed() if row.installed}
    bundled = {"linnet", "linnet-pulse", "kathleen", "kathleen-pulse", "griffin-lim"}
    assert here == bundled | {"e2", "vocos-mel-24khz"}


def test_facts_about_a_model_that_is_here_keep_what_the_catalogue_says(home):
    facts = library.show("kathleen").plain()
    assert list(facts["languages"]) == ["en"]
    assert facts["config"]
    assert facts["path"]


def test_preparing_a_name_does_nothing(home):
    library.prepare("f5-v1")
    library.prepare("kathleen")


def test_an_import_without_a_family_recognises_it(home, checkpoint):
    folder = library.import_checkpoint(checkpoint, name="My Vöice")
    assert folder == home / "models" / "My-Vöice"
    assert store.read_manifest(folder)["family"] == "f5"
    for name in ("My-Vöice", "My Vöice", "my-voice"):
        assert opened(name)[0]["name"] == "My-Vöice"


def test_a_name_that_is_taken(home, checkpoint):
    folder = library.import_checkpoint(checkpoint, name="one")
    (folder / "note").write_text("old")
    with pytest.raises(UsageError, match=r"A model 'one' already exists.*--name.*--force"):
        library.import_checkpoint(checkpoint, name="one")
    assert library.import_checkpoint(checkpoint, name="one", replace=True) == folder
    with pytest.raises(UsageError, match="bundled"):
        library.import_checkpoint(checkpoint, name="kathleen", replace=True)


def test_an_import_from_an_address(hub, checkpoint):
    hub.put("o/r", "voice.safetensors", checkpoint.read_bytes())
    hub.put("o/r", "vocab.txt", VOCABULARY.encode())
    folder = library.import_checkpoint("hf://o/r", name="here")
    assert torch.equal(store.load(folder)[1]["backbone.output.bias"], dit()["proj_out.bias"])


def test_a_model_is_removed(stored):
    assert library.remove("tiny") == library.Removed(stored / "tiny")
    assert "tiny" not in rows()
    with pytest.raises(UnknownModel, match="Unknown model 'tiny'"):
        library.remove("tiny")


def test_the_download_of_a_removed_model_stays_in_the_hubs_cache(hub, tmp_path):
    entry = resolve("e2").entry
    save_file(saved(unett()), tmp_path / "e2.safetensors")
    hub.put(entry.repo, entry.files[0], (tmp_path / "e2.safetensors").read_bytes())
    hub.put(entry.repo, entry.files[1], VOCABULARY.encode())
    library.get("e2")
    removed = library.remove("e2")
    assert removed.kept is not None
    assert removed.kept.is_file()
    assert not rows()["e2"].installed


@pytest.mark.parametrize(
    ("name", "message"),
    [("kathleen", "part of this package"), ("f5-v1", "not downloaded"), ("xyzzy", "Unknown")],
)
def test_what_cannot_be_removed(home, name, message):
    with pytest.raises(UsageError, match=message):
        library.remove(name)


def test_a_folder_elsewhere_is_not_removed(home, tmp_path):
    model, _ = tiny_folders(tmp_path)
    with pytest.raises(UsageError, match="Only downloaded and imported"):
        library.remove(str(model))
    assert model.is_dir()


def test_a_vocoder_is_not_a_model(stored):
    with pytest.raises(BadCheckpoint, match="'tiny-vocos' is of kind 'vocoder'"):
        library.open_model("tiny-vocos", "acoustic")


def test_files_given_with_a_stored_model_are_not_ignored(stored, checkpoint):
    given = Given(vocabulary=checkpoint.with_name("vocab.txt"))
    with pytest.raises(UsageError, match="'tiny' is stored with its"):
        library.open_model("tiny", given=given)
    assert library.open_model("tiny", given=Given()).manifest["name"] == "tiny"
