"""A name, path or address is looked up once."""

from __future__ import annotations

import shutil

import pytest

from tests.hub.conftest import COMMIT
from tests.tiny import tiny_folders
from vivavoce.errors import UnknownModel, UsageError
from vivavoce.hub import library
from vivavoce.hub import resolve as module
from vivavoce.hub.resolve import folder_name, match_name, resolve
from vivavoce.speech.load import load

pytestmark = pytest.mark.usefixtures("home")


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("kathleen", "kathleen"),
        ("Kathleen", "kathleen"),
        ("F5-V1", "f5-v1"),
        ("F5TTS_v1_Base", "f5-v1"),
        ("E2TTS_Base", "e2"),
        ("tts_models/multilingual/multi-dataset/xtts_v2", "xtts-v2"),
        ("tts_models--multilingual--multi-dataset--xtts_v2", "xtts-v2"),
        ("tts_models/en/ljspeech/glow-tts", "glow-tts-ljspeech"),
        ("vocoder_models/en/ljspeech/hifigan_v2", "hifigan-v2-ljspeech"),
        ("coqui/XTTS-v2", "xtts-v2"),
        ("charactr/vocos-mel-24khz", "vocos-mel-24khz"),
    ],
)
def test_the_names_of_other_toolkits_lead_to_the_catalogue(typed, name):
    assert resolve(typed).name == name


@pytest.mark.parametrize(
    "address",
    [
        "https://huggingface.co/SWivid/F5-TTS/blob/main/F5TTS_v1_Base/model_1250000.safetensors",
        "https://huggingface.co/SWivid/F5-TTS/tree/main/F5TTS_v1_Base",
        f"hf://SWivid/F5-TTS/F5TTS_v1_Base/model_1250000.safetensors@{COMMIT}",
    ],
)
def test_an_address_that_the_catalogue_lists_brings_what_it_says(address):
    location = resolve(address)
    assert location.entry is not None
    assert (location.entry.name, location.entry.variant) == ("f5-v1", "v1")
    assert location.source is not None


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("f5v1", r"Unknown model 'f5v1'\. Did you mean 'f5-v1'"),
        ("f5", "'f5' is a family; its models: f5-v1"),
        ("xyzzy", "Unknown model 'xyzzy'.*models list"),
        ("x" * 300, "Unknown model 'xxx"),
        ("a\0b", "Unknown model"),
        ("", "Unknown model ''"),
        ("SWivid/F5-TTS", "several models. Choose one: f5-v1"),
        ("https://huggingface.co/SWivid/F5-TTS", "several models"),
        ("some/model", r"no file or folder 'some/model'.*hf://some/model"),
        ("tts_models/en/ljspeech/unheard-of", "Unknown model 'tts_models/en/ljspeech/unheard"),
    ],
)
def test_what_is_not_known_has_advice_and_asks_no_server(typed, message):
    with pytest.raises(UnknownModel, match=message):
        resolve(typed)


def test_an_unknown_vocoder_is_called_one():
    with pytest.raises(UnknownModel, match="Unknown vocoder 'vocos'"):
        resolve("vocos", "vocoder")


def test_a_path_that_is_not_there(tmp_path):
    for path in (tmp_path / "nothing", tmp_path / "nothing.pth"):
        with pytest.raises(UsageError, match="no file or folder"):
            resolve(str(path))


def test_a_folder_of_ours_by_its_path_or_its_manifest(tmp_path):
    model, _ = tiny_folders(tmp_path)
    for path in (model, model / "model.toml"):
        assert resolve(str(path)).folder == model


def test_a_folder_in_the_working_directory_is_not_taken_for_a_name(tmp_path, monkeypatch):
    model, _ = tiny_folders(tmp_path)
    shutil.copytree(model, tmp_path / "kathleen")
    monkeypatch.chdir(tmp_path)
    assert resolve("kathleen").folder != tmp_path / "kathleen"
    assert resolve("./kathleen").folder == tmp_path / "kathleen"


def test_hidden_copies_are_no_models(home):
    model, _ = tiny_folders(home / "models")
    shutil.copytree(model, home / "models" / ".tiny.previous")
    assert [row.name for row in library.installed() if row.path and not row.notes] == [
        "tiny",
        "tiny-vocos",
    ]
    with pytest.raises(UsageError):
        resolve(".tiny.previous")


def test_each_name_is_resolved_once_per_load(home, monkeypatch):
    """One call for the model; one more where another name, the vocoder's, has to be looked up."""
    asked = []
    original = module.resolve
    monkeypatch.setattr(
        library, "resolve", lambda name, *kind: asked.append(name) or original(name, *kind)
    )
    load("kathleen", device="cpu")
    assert asked == ["kathleen", "kathleen-pulse"]


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("My Vöice", "My-Vöice"),
        ("голос 1", "голос-1"),
        ("a/b\\c", "a-b-c"),
        ("..", "model"),
        ("con", "con-model"),
        ("x" * 300, "x" * 100),
    ],
)
def test_names_of_folders(name, folder):
    assert folder_name(name) == folder


KNOWN = ("Claribel Dervla", "Alma María", "Eugenio Mataracı", "Ana", "ana", "Ána", "Łukasz Øst")


@pytest.mark.parametrize("name", KNOWN)
def test_exactly_spelt_comes_first(name):
    assert match_name(name, KNOWN) == name


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("claribel dervla", "Claribel Dervla"),
        ("CLARIBEL  DERVLA ", "Claribel Dervla"),
        ("alma maria", "Alma María"),
        ("Alma Mari\u0301a", "Alma María"),
        ("eugenio mataraci", "Eugenio Mataracı"),
        ("EUGENIO MATARACI", "Eugenio Mataracı"),
        ("lukasz ost", "Łukasz Øst"),
    ],
)
def test_capitals_and_accents_do_not_count(typed, found):
    assert match_name(typed, KNOWN) == found


@pytest.mark.parametrize("typed", ["ANA", "Claribel", "ClaribelDervla", ""])
def test_what_is_ambiguous_or_less_means_nobody(typed):
    assert match_name(typed, KNOWN) is None


def test_a_name_given_twice_is_one():
    assert match_name("bob ray", ["Bob Ray", "Bob Ray"]) == "Bob Ray"


def test_a_training_run_is_its_export(tmp_path):
    run = tmp_path / "me"
    (run / "checkpoints").mkdir(parents=True)
    (run / "recipe.toml").write_text("name = 'me'\n")
    with pytest.raises(UsageError, match="a training run without a model"):
        resolve(str(run))
    export = run / "export"
    export.mkdir()
    (export / "model.toml").write_text("format = 1\n")
    found = resolve(str(run))
    assert (found.name, found.folder) == ("me", export)
