"""Which files of a folder, a repository or a server are the checkpoint and belong to it."""

from __future__ import annotations

import json
import os
import shutil

import pytest
import torch
from safetensors.torch import save, save_file

from tests.hub.conftest import opened
from tests.models.f5.official import VOCABULARY, dit, saved
from vivavoce.errors import BadCheckpoint, DownloadError, UsageError
from vivavoce.hub.fetch import Given, choose
from vivavoce.hub.resolve import resolve

pytestmark = pytest.mark.usefixtures("home")
OTHER = VOCABULARY.replace("a", "z")


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "mine"
    made.mkdir()
    save_file(saved(dit()), made / "voice.safetensors")
    return made


def first_letter(place, **how):
    return opened(place, **how)[0]["text"]["vocabulary"][1]


def test_a_vocabulary_named_like_the_weights_comes_first(folder):
    (folder / "voice.txt").write_text(OTHER)
    assert first_letter(folder / "voice.safetensors") == "z"
    (folder / "vocab.txt").write_text(VOCABULARY)
    assert first_letter(folder) == "z"
    (folder / "voice.txt").unlink()
    assert first_letter(folder) == "a"


def test_a_vocabulary_that_is_given(folder, tmp_path):
    (folder / "vocab.txt").write_text(VOCABULARY)
    (tmp_path / "elsewhere.txt").write_text(OTHER)
    given = Given(vocabulary=tmp_path / "elsewhere.txt")
    assert first_letter(folder, given=given) == "z"
    with pytest.raises(UsageError, match=r"no file .*nowhere\.txt"):
        opened(folder, given=Given(vocabulary=tmp_path / "nowhere.txt"))


def test_two_vocabularies_are_both_named(folder):
    (folder / "vocab_de.txt").write_text(VOCABULARY)
    (folder / "vocab_fr.txt").write_text(VOCABULARY)
    with pytest.raises(BadCheckpoint, match=r"vocab_de\.txt, vocab_fr\.txt.*--vocab .*vocab_de"):
        opened(folder)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_texts_of_any_encoding_that_says_what_it_is(folder, encoding):
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    (folder / "vocab.txt").write_bytes((mark + VOCABULARY).encode(encoding))
    settings = {"mask_text": False, "rotary_heads": 1}
    (folder / "config.json").write_bytes((mark + json.dumps(settings)).encode(encoding))
    manifest, _ = opened(folder)
    assert manifest["text"]["vocabulary"][:2] == [" ", "a"]
    assert manifest["variant"]["name"] == "v0"


@pytest.mark.parametrize("name", ["model.pth", "model.safetensors", "config.json"])
def test_a_pointer_of_git_lfs_is_named(folder, name):
    (folder / "vocab.txt").write_text(VOCABULARY)
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1234567\n"
    (folder / name).write_text(pointer)
    place = folder / name if name.startswith("model") else folder
    with pytest.raises(BadCheckpoint, match=r"Git LFS pointer .*1,234,567 bytes.*git lfs pull"):
        opened(place)


def test_a_repository_folder_with_a_subfolder(folder, tmp_path):
    (folder / "vocab.txt").write_text(VOCABULARY)
    repository = tmp_path / "clone"
    (repository / ".git" / "lfs").mkdir(parents=True)
    (repository / ".git" / "lfs" / "x.safetensors").write_bytes(b"")
    (repository / "README.md").write_text("x")
    shutil.copytree(folder, repository / "F5TTS_Base")
    manifest, _ = opened(repository)
    assert manifest["variant"]["name"] == "v0"
    shutil.copytree(folder, repository / "F5TTS_v1_Base")
    with pytest.raises(BadCheckpoint, match=r"F5TTS_Base/voice.*F5TTS_v1_Base/voice"):
        opened(repository)


def split(folder, count=3):
    """The checkpoint of the folder in parts, with the index that says which part has what."""
    state = saved(dit())
    names = list(state)
    index = {}
    (folder / "voice.safetensors").unlink()
    for part in range(count):
        file = f"model-{part + 1:05}-of-{count:05}.safetensors"
        save_file({name: state[name] for name in names[part::count]}, folder / file)
        index |= dict.fromkeys(names[part::count], file)
    text = json.dumps({"metadata": {}, "weight_map": index})
    (folder / "model.safetensors.index.json").write_text(text)
    (folder / "vocab.txt").write_text(VOCABULARY)
    return state


@pytest.mark.parametrize(
    "name", ["", "model.safetensors.index.json", "model-00002-of-00003.safetensors"]
)
def test_a_checkpoint_in_parts(folder, name):
    split(folder)
    manifest, tensors = opened(folder / name)
    assert torch.equal(tensors["backbone.output.bias"], dit()["proj_out.bias"])
    assert manifest["name"] == "mine"


def test_a_part_that_is_missing_is_named(folder):
    split(folder)
    (folder / "model-00002-of-00003.safetensors").unlink()
    with pytest.raises(BadCheckpoint, match=r"1 of the 3 parts.*model-00002-of-00003"):
        opened(folder)


def test_a_checkpoint_in_parts_on_the_hub(hub, folder):
    split(folder)
    for file in folder.iterdir():
        hub.put("o/r", file.name, file.read_bytes())
    assert opened("hf://o/r")[0]["name"] == "r"


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["a.pth"], "a.pth"),
        (["a.pth", "a.safetensors"], "a.safetensors"),
        (["a/b.pth", "c.pth"], "c.pth"),
        (["model.pth", "dvae.pth", "speakers_xtts.pth", "mel_stats.pth"], "model.pth"),
        (["best_model.pth", "best_model_31.pth", "checkpoint_40.pth"], "best_model.pth"),
        (["x.onnx", "x.onnx.json"], "x.onnx"),
    ],
)
def test_the_checkpoint_among_other_files(names, chosen):
    assert choose(names, "", "here") == (chosen,)


@pytest.mark.parametrize(
    "names", [["a.pth", "b.pth"], ["best_model.pth", "model.pth"], ["best_model_3.pth", "b.pth"]]
)
def test_several_checkpoints_are_not_guessed_at(names):
    with pytest.raises(BadCheckpoint, match=f"found: {names[0]}, {names[1]}"):
        choose(names, "", "here")


def test_a_file_that_is_no_onnx_graph(tmp_path):
    (tmp_path / "en_US-amy.onnx").write_bytes(b"\x08\x08")
    with pytest.raises(BadCheckpoint, match=r"amy\.onnx cannot be read: It holds 0 graphs"):
        opened(tmp_path / "en_US-amy.onnx")


def test_an_onnx_graph_is_the_last_choice():
    assert choose(["a.onnx", "a.ckpt"], "", "here") == ("a.ckpt",)
    assert choose(["a.onnx", "a.onnx.json"], "", "here") == ("a.onnx",)


@pytest.fixture
def weights(site):
    site.files["/a/voice.safetensors"] = save(saved(dit()))
    return f"{site.address}/a/voice.safetensors"


def test_a_web_address_is_looked_beside_before_the_weights_are_fetched(site, weights):
    with pytest.raises(BadCheckpoint, match=r"neither a configuration nor a vocabulary.*--vocab"):
        opened(weights)
    assert not [path for _, path, _ in site.requests if path.endswith(".safetensors")]
    site.files["/a/vocab.txt"] = VOCABULARY.encode()
    assert first_letter(weights) == "a"
    site.requests.clear()
    assert first_letter(weights) == "a"
    assert site.requests == [], "what is cached is not asked about"


def test_a_web_address_with_a_vocabulary_of_ones_own(weights, tmp_path):
    (tmp_path / "v.txt").write_text(OTHER)
    assert first_letter(weights, given=Given(vocabulary=tmp_path / "v.txt")) == "z"


def test_pages_in_place_of_missing_files_are_not_files(site, weights):
    """Some servers answer 200 to everything."""
    for name in ("config.json", "config.yaml", "vocab.txt", "vocab.json"):
        site.files[f"/a/{name}"] = b"<!doctype html><p>Not found"
    site.files["/a/voice.txt"] = OTHER.encode()
    assert first_letter(weights) == "z"


def test_a_damaged_download_is_deleted_and_fetched_again(site, weights):
    site.files["/a/vocab.txt"] = VOCABULARY.encode()
    opened(weights)
    from vivavoce.hub import remote

    file = remote.cached(resolve(weights).source)
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(BadCheckpoint, match="The damaged copy was deleted"):
        opened(weights)
    assert not file.exists()
    assert first_letter(weights) == "a"


def test_a_damaged_copy_in_the_hubs_cache_is_deleted_too(hub):
    hub.put("o/r", "model.safetensors", save(dit()))
    hub.put("o/r", "vocab.txt", VOCABULARY.encode())
    opened("hf://o/r")
    from vivavoce.hub import remote
    from vivavoce.hub.address import hf

    file = remote.cached(hf("o/r", "model.safetensors"))
    file.resolve().write_bytes(file.read_bytes()[:-100])
    with pytest.raises(BadCheckpoint, match="The damaged copy was deleted"):
        opened("hf://o/r")
    opened("hf://o/r")


def test_a_repository_is_looked_into_before_the_weights_are_fetched(hub):
    hub.put("o/r", "a/model.safetensors", save(saved(dit())))
    hub.put("o/r", "b/other.safetensors", save(saved(dit())))
    with pytest.raises(BadCheckpoint, match=r"found: a/model\.safetensors, b/other\.safetensors"):
        opened("hf://o/r")
    assert [path for _, path, _ in hub.requests] == ["/api/models/o/r"]
    hub.put("o/r", "a/vocab.txt", VOCABULARY.encode())
    assert first_letter("hf://o/r/a") == "a"


def test_offline_a_cached_repository_opens(hub, monkeypatch):
    hub.put("o/r", "model.safetensors", save(saved(dit())))
    hub.put("o/r", "vocab.txt", VOCABULARY.encode())
    opened("hf://o/r")
    shutil.rmtree(resolve_lists())
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert first_letter("hf://o/r") == "a"
    with pytest.raises(DownloadError, match="switched off"):
        opened("hf://o/other")


def resolve_lists():
    from vivavoce.hub import paths

    return paths.folder() / "downloads" / "lists"


def test_a_folder_that_may_not_be_read(folder):
    (folder / "vocab.txt").write_text(VOCABULARY)
    (folder / "voice.safetensors").chmod(0)
    if os.access(folder / "voice.safetensors", os.R_OK):
        pytest.skip("this user may read everything")
    with pytest.raises(BadCheckpoint, match="Cannot read"):
        opened(folder)
