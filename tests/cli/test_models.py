"""`vivavoce models …`, with models written here and a pretended Hub."""

from __future__ import annotations

import json

import pytest
import torch

from tests.hub.conftest import home, hub, site  # noqa: F401 - fixtures
from tests.models.f5.official import VOCABULARY, dit, saved
from tests.tiny import tiny_folders
from vivavoce.checkpoints import store
from vivavoce.hub import paths

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def checkpoint(here):
    """`voice.pt` and its vocabulary in the working directory."""
    torch.save({"ema_model_state_dict": saved(dit())}, here / "voice.pt")
    (here / "voice.txt").write_text(VOCABULARY)
    return "voice.pt"


def test_list_shows_models_and_says_where_the_vocoders_are(cli):
    shown = cli("models", "list")
    lines = shown.out.splitlines()
    assert lines[0].split() == ["name", "languages", "size", "installed", "licence", "about"]
    assert lines[1].startswith("linnet")
    assert "6M" in lines[1]
    assert "17 languages" in shown.out
    assert "vocos-mel-24khz" not in shown.out
    assert "models list --vocoders" in shown.err
    vocoders = cli("models", "list", "--vocoders").out
    assert "vocos-mel-24khz" in vocoders
    assert "f5-v1" not in vocoders
    assert all(len(line) < 160 for line in (*lines, *vocoders.splitlines()))


def test_list_in_json_has_everything_models_first(cli):
    rows = json.loads(cli("models", "list", "--json").out)
    kinds = [row["kind"] for row in rows]
    assert kinds == sorted(kinds)
    first = rows[0]
    assert (first["name"], first["installed"], first["languages"]) == ("linnet", True, ["en"])
    only = json.loads(cli("models", "list", "--vocoders", "--json").out)
    assert {row["kind"] for row in only} == {"vocoder"}


def test_a_model_that_cannot_be_read_is_listed_with_the_reason(cli):
    model, _ = tiny_folders(paths.models())
    (model / store.MANIFEST).write_text("[oops")
    assert "cannot be read" in cli("models", "list").out


def test_show(cli):
    assert json.loads(cli("models", "show", "f5-v1", "--json").out)["licence"] == "CC-BY-NC-4.0"
    assert "vocos-mel-24khz" in cli("models", "show", "F5TTS_v1_Base").out


def test_an_unknown_name_has_near_misses(cli):
    result = cli("models", "show", "f5v1")
    assert result.code == 2
    assert "Unknown model 'f5v1'. Did you mean 'f5-v1'" in result.err


def test_get_says_the_licence_before_the_first_download_only(cli, hub):  # noqa: F811
    first = cli("models", "get", "charactr/vocos-mel-24khz")
    folder = paths.models() / "vocos-mel-24khz"
    assert (first.code, first.out) == (0, f"{folder}\n")
    assert "vocos-mel-24khz: licence MIT" in first.err
    again = cli("models", "get", "vocos-mel-24khz", "--offline", "--json")
    assert "licence" not in again.err
    assert json.loads(again.out) == {"name": "vocos-mel-24khz", "path": str(folder)}


def test_import_recognises_the_family_and_says_how_it_was_read(cli, checkpoint):
    result = cli("models", "import", checkpoint)
    assert result.code == 0
    assert result.out.startswith("voice  ")
    assert "Read as unknown" in result.err
    assert json.loads(cli("models", "path", "voice", "--json").out)["path"] == str(
        paths.models() / "voice"
    )


def test_import_replaces_nothing_without_force(cli, checkpoint):
    assert cli("models", "import", checkpoint, "--name", "mine").code == 0
    again = cli("models", "import", checkpoint, "--name", "mine")
    assert again.code == 2
    assert "--force" in again.err
    assert cli("models", "import", checkpoint, "--name", "mine", "--force").code == 0


def test_import_with_files_from_elsewhere(cli, checkpoint, here):
    (here / "voice.txt").rename(here / "letters.txt")
    missing = cli("models", "import", checkpoint)
    assert missing.code == 1
    assert "--vocab" in missing.err
    (here / "c.toml").write_text("mask_text = false\nrotary_heads = 1\n")
    given = ("--as", "f5", "--vocab", "letters.txt", "--config", "c.toml", "--name", "mine")
    assert "Read as v0" in cli("models", "import", checkpoint, *given).err


def test_import_as_another_family(cli, checkpoint):
    result = cli("models", "import", checkpoint, "--as", "xtts")
    assert "of 'f5'" in result.err
    assert cli("models", "import", checkpoint, "--as", "xttts").code == 2


def test_remove(cli):
    model, _ = tiny_folders(paths.models())
    assert cli("models", "remove", "tiny").err == "removed tiny\n"
    assert not model.exists()
    assert cli("models", "remove", "kathleen").code == 2


def test_path_of_what_is_not_here(cli):
    assert cli("models", "path", "kathleen").code == 0
    result = cli("models", "path", "f5-v1")
    assert result.code == 2
    assert "Run: vivavoce models get f5-v1" in result.err


def test_list_of_one_family(cli):
    shown = cli("models", "list", "--family", "fastpitch")
    names = [line.split()[0] for line in shown.out.splitlines()[1:]]
    assert names == ["speedy-speech-ljspeech", "fast-pitch-ljspeech", "fast-pitch-vctk"]
    assert shown.err == ""
    vocoders = cli("models", "list", "--family", "melgan").out
    assert "multiband-melgan-ljspeech" in vocoders
    refused = cli("models", "list", "--family", "melgen")
    assert refused.code == 2
    assert "There is no family 'melgen'. Did you mean 'melgan'" in refused.err


def test_export_to_onnx(cli, tmp_path, here):
    pytest.importorskip("onnxruntime")
    model, _ = tiny_folders(tmp_path / "models")
    result = cli("models", "export", model, "--as", "onnx", "-o", "voice.onnx")
    assert (result.code, result.out.strip()) == (0, "voice.onnx")
    assert (here / "voice.onnx").stat().st_size > 1e5
    refused = cli("models", "export", model, "--as", "onx", "-o", "voice")
    assert refused.code == 2
    assert "Did you mean 'onnx'?" in refused.err
