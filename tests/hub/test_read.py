"""Checkpoints from elsewhere: opened where they lie, with what belongs to them."""

from __future__ import annotations

import pickle

import pytest
import torch
from safetensors.torch import save, save_file

from tests.hub.conftest import COMMIT, opened
from tests.models.f5.official import VOCABULARY, dit, saved, unett
from tests.tiny import tiny_folders
from vivavoce.checkpoints import store
from vivavoce.errors import BadCheckpoint, DownloadError, UnknownModel, UnsafeCheckpoint, UsageError
from vivavoce.hub import library
from vivavoce.hub.fetch import Files
from vivavoce.hub.resolve import resolve
from vivavoce.speech.load import load

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def folder(tmp_path):
    """A folder as people have it: the official file and its vocabulary."""
    made = tmp_path / "F5TTS_v1_Base"
    made.mkdir()
    save_file(saved(dit()), made / "model_1250000.safetensors")
    (made / "vocab.txt").write_text(VOCABULARY, encoding="utf-8")
    return made


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_file_or_its_folder_is_opened_where_it_lies(folder, home, tmp_path, what):
    place = folder / "model_1250000.safetensors" if what == "file" else folder
    manifest, tensors = opened(str(place))
    assert (manifest["family"], manifest["name"]) == ("f5", "F5TTS_v1_Base")
    assert manifest["variant"]["name"] == "v1"
    assert torch.equal(tensors["backbone.output.bias"], dit()["proj_out.bias"])
    _, vocoder = tiny_folders(tmp_path)
    assert load(place, vocoder=vocoder, device="cpu").name == "F5TTS_v1_Base"
    assert not (home / "models").exists(), "nothing was copied"
    assert library.show(str(place)).row.family == "f5"


def test_a_relative_path_says_as_much_as_an_absolute_one(folder, monkeypatch):
    monkeypatch.chdir(folder)
    manifest, _ = opened("./model_1250000.safetensors")
    assert (manifest["name"], manifest["variant"]["name"]) == ("F5TTS_v1_Base", "v1")


def test_a_training_checkpoint(tmp_path):
    """Everything the trainer saves, with objects of its own in it: the average is taken."""
    junk = {"optimizer_state_dict": {"state": {0: {"exp_avg": torch.ones(3)}}}, "update": 7}
    plain = {f"transformer.{k}": v * 0 for k, v in dit().items()}
    whole = {"model_state_dict": plain, "ema_model_state_dict": saved(dit()), **junk}
    torch.save(whole | {"scheduler_state_dict": {"made_by": Files}}, tmp_path / "m.pt")
    (tmp_path / "vocab.txt").write_text(VOCABULARY)
    manifest, tensors = opened(str(tmp_path / "m.pt"))
    assert (manifest["name"], manifest["variant"]["name"]) == ("m", "unknown")
    assert torch.equal(tensors["backbone.output.bias"], dit()["proj_out.bias"])
    imported = library.import_checkpoint(tmp_path / "m.pt", "f5", name="mine")
    assert "Read as unknown" in library.remark(imported)
    assert torch.equal(store.load(imported)[1]["backbone.output.bias"], dit()["proj_out.bias"])


def test_a_pickle_with_code_in_it_does_not_run(tmp_path):
    class Evil:
        def __reduce__(self):
            import os

            return os.system, (f"touch {tmp_path}/ran",)

    torch.save({"ema_model_state_dict": saved(dit()), "x": Evil()}, tmp_path / "m.pt")
    (tmp_path / "vocab.txt").write_text(VOCABULARY)
    with pytest.raises(UnsafeCheckpoint):
        opened(str(tmp_path / "m.pt"))
    (tmp_path / "raw.pt").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(BadCheckpoint):
        opened(str(tmp_path / "raw.pt"))
    assert not (tmp_path / "ran").exists()


def test_what_is_wrong_with_a_file_is_said(folder):
    file = folder / "model_1250000.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1000])
    with pytest.raises(BadCheckpoint, match="not intact"):
        opened(str(file))
    broken = dit()
    broken["proj_out.bias"][3] = float("nan")
    save_file(saved(broken), file)
    with pytest.raises(BadCheckpoint, match=r"proj_out\.bias' holds 1 values"):
        opened(str(file))
    file.write_bytes(whole)
    (folder / "vocab.txt").write_bytes(b" \n\xff\n")
    with pytest.raises(BadCheckpoint, match="not UTF-8"):
        opened(str(file))
    (folder / "vocab.txt").unlink()
    with pytest.raises(BadCheckpoint, match=r"vocab\.txt into the same folder"):
        opened(str(file))


def test_which_file_of_a_folder(folder, tmp_path):
    torch.save(dit(), folder / "model_1.pt")
    assert opened(str(folder))[0]["variant"]["name"] == "v1", "safetensors first"
    save_file(dit(), folder / "model_2.safetensors")
    with pytest.raises(BadCheckpoint, match=r"model_1250000\.safetensors, model_2\.safetensors"):
        opened(str(folder))
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadCheckpoint, match="found: none"):
        opened(str(tmp_path / "empty"))
    with pytest.raises(UsageError, match="no file"):
        opened(str(tmp_path / "nothing.safetensors"))


@pytest.mark.parametrize("name", ["config.yaml", "model_1250000.yaml", "F5TTS_Base.yaml"])
def test_the_training_configuration_beside_it_is_heard(folder, name):
    (folder / name).write_text(
        "model:\n  name: x\n  arch:\n    text_mask_padding: False\n    pe_attn_head: 1\n"
    )
    manifest, _ = opened(str(folder))
    assert manifest["variant"]["name"] == "v0"
    assert "configuration" in manifest["variant"]["reason"]


def test_a_configuration_of_ours_beside_it_is_heard(folder):
    (folder / "config.toml").write_text("[config]\nmask_text = false\nrotary_heads = 1\n")
    assert opened(str(folder))[0]["variant"]["name"] == "v0"
    (folder / "config.toml").write_text("[config\n")
    with pytest.raises(BadCheckpoint, match="TOML"):
        opened(str(folder))


def test_a_vocabulary_by_another_name(folder):
    (folder / "vocab.txt").rename(folder / "vocab_japanese.txt")
    assert opened(str(folder))[0]["text"]["vocabulary"][1] == "a"
    (folder / "vocab_old.txt").write_text("x\n")
    with pytest.raises(BadCheckpoint, match=r"vocab_japanese\.txt, vocab_old\.txt.*--vocab"):
        opened(str(folder))


def test_tensors_of_no_family(tmp_path):
    save_file({"a.b": torch.ones(1)}, tmp_path / "x.safetensors")
    with pytest.raises(UnknownModel, match=r"unknown model family.*a\.b.*f5, fastpitch, forward"):
        opened(str(tmp_path / "x.safetensors"))


def test_a_file_of_the_hub_with_its_vocabulary(hub):
    hub.put("o/r", "F5TTS_v1_Base/model.safetensors", save(saved(dit())))
    hub.put("o/r", "F5TTS_v1_Base/vocab.txt", VOCABULARY.encode())
    address = "hf://o/r/F5TTS_v1_Base/model.safetensors"
    manifest, _ = opened(address)
    assert (manifest["variant"]["name"], manifest["name"]) == ("v1", "F5TTS_v1_Base")
    hub.requests.clear()
    opened(address)
    assert hub.requests == [], "what is cached is not asked about"
    opened(f"{address}@{COMMIT}")
    assert hub.requests == []


def test_a_vocabulary_further_up_in_the_repository(hub):
    hub.put("o/r", "a/b/model.safetensors", save(dit()))
    hub.put("o/r", "vocab.txt", VOCABULARY.encode())
    opened("hf://o/r/a/b/model.safetensors")
    hub.requests.clear()
    opened("hf://o/r/a/b/model.safetensors")
    assert hub.requests == [], "what is known to be missing is not asked for again"


def test_the_official_vocabulary_where_a_repository_has_none(hub):
    hub.put("o/r", "model.safetensors", save(dit()))
    with pytest.raises(DownloadError, match="SWivid/F5-TTS"):
        opened("hf://o/r/model.safetensors")
    hub.put("SWivid/F5-TTS", "F5TTS_v1_Base/vocab.txt", VOCABULARY.encode())
    assert opened("hf://o/r/model.safetensors")[0]["name"] == "r"


def test_a_listed_file_by_its_address_is_what_the_catalogue_says(hub):
    entry = resolve("f5-finnish").entry
    hub.put(entry.repo, entry.files[0], save(dit()))
    hub.put(entry.repo, "vocab.txt", VOCABULARY.encode())
    manifest, _ = opened(f"hf://{entry.repo}/{entry.files[0]}")
    assert manifest["variant"] == {"name": "v0", "reason": "the catalogue says so"}
    assert manifest["licence"] == "CC-BY-NC-4.0"


def test_getting_safetensors_copies_nothing(hub):
    """The folder in the store says where the weights are, at the very commit."""
    entry = resolve("e2").entry
    hub.put(entry.repo, entry.files[0], save(saved(unett())))
    hub.put(entry.repo, entry.files[1], VOCABULARY.encode())
    told = []
    here = library.get("e2", lambda *state: told.append(state))
    assert [file.name for file in here.iterdir()] == [store.MANIFEST]
    assert set(entry.files) <= {name for _, _, name in told}
    assert told[-1][0] == told[-1][1]
    facts = library.show("e2").plain()
    assert facts["languages"] == ("en", "zh")
    assert facts["weights"]["source"] == f"hf://SWivid/E2-TTS/{entry.files[0]}@{COMMIT}"
    hub.requests.clear()
    manifest, tensors = opened("e2")
    assert manifest["config"]["backbone"] == "unett"
    assert torch.equal(tensors["backbone.norm.weight"], unett()["norm_out.g"])
    assert library.get("e2", offline=True) == here
    assert hub.requests == []


def test_weights_that_have_gone_from_the_hubs_cache(hub, tmp_path):
    entry = resolve("e2").entry
    hub.put(entry.repo, entry.files[0], save(saved(unett())))
    hub.put(entry.repo, entry.files[1], VOCABULARY.encode())
    library.get("e2")
    (tmp_path / "hf").rename(tmp_path / "elsewhere")
    with pytest.raises(UnknownModel, match="models get e2"):
        opened("e2")
    library.get("e2")
    assert opened("e2")[0]["name"] == "e2"


def test_getting_a_pickle_converts_it_once(hub, tmp_path):
    entry = resolve("f5-japanese").entry
    torch.save({"ema_model_state_dict": saved(dit())}, tmp_path / "m.pt")
    hub.put(entry.repo, entry.files[0], (tmp_path / "m.pt").read_bytes())
    hub.put(entry.repo, entry.files[1], VOCABULARY.encode())
    here = library.get("f5-japanese")
    assert (here / store.TENSORS).is_file()
    assert store.read_manifest(here)["variant"]["name"] == "v0"
    assert "backbone.output.bias" in opened("f5-japanese")[1]


def test_a_name_is_a_name_even_where_a_folder_has_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "e2").mkdir()
    with pytest.raises(UnknownModel, match="models get e2"):
        opened("e2")
