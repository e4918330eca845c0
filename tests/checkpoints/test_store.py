from __future__ import annotations

import shutil

import pytest
import torch
from torch import nn

from vivavoce.checkpoints import remap as adapt
from vivavoce.checkpoints import store
from vivavoce.errors import BadCheckpoint, OutputError, UsageError

MANIFEST = {
    "kind": "acoustic",
    "family": "glow",
    "name": "test",
    "licence": "MIT",
    "languages": ["en"],
    "config": {"hidden": 8, "rates": [8, 8], "nested": {"scale": 0.5}},
    "text": {"symbols": 'aäß "\\\n', "phonemes": True},
}


def tensors():
    torch.manual_seed(0)
    return {"a.weight": torch.randn(4, 3), "a.steps": torch.tensor(7), "empty": torch.empty(0, 2)}


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_what_is_saved_comes_back(tmp_path):
    store.save(tmp_path / "m", MANIFEST, tensors())
    manifest, loaded = store.load(tmp_path / "m", verify=True)
    assert equal(loaded, tensors())
    assert {k: manifest[k] for k in MANIFEST} == MANIFEST
    assert (manifest["format"], manifest["weights"]["parameters"]) == (store.FORMAT, 12)
    assert store.read_manifest(tmp_path / "m") == manifest
    assert [p.name for p in tmp_path.iterdir()] == ["m"]
    assert {p.name for p in (tmp_path / "m").iterdir()} == {store.MANIFEST, store.TENSORS}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_half_as_large_and_comes_back_as_float32(tmp_path, dtype):
    large = {"w": torch.randn(64, 64), "n": torch.arange(3)}
    store.save(tmp_path / "full", MANIFEST, large)
    store.save(tmp_path / "half", MANIFEST, large, dtype)
    sizes = [(tmp_path / n / store.TENSORS).stat().st_size for n in ("full", "half")]
    assert sizes[0] - sizes[1] == 64 * 64 * 2
    _, loaded = store.load(tmp_path / "half")
    assert loaded["w"].dtype == torch.float32
    assert torch.equal(loaded["w"], large["w"].to(dtype).float())
    assert torch.equal(loaded["n"], large["n"])


def test_overflow_is_refused(tmp_path):
    with pytest.raises(OutputError, match=r"'big'.*float32"):
        store.save(tmp_path / "m", MANIFEST, {"big": torch.tensor([1e6])}, torch.float16)
    assert not list(tmp_path.iterdir())


def test_tied_and_strided_tensors(tmp_path):
    whole = torch.arange(12.0).reshape(3, 4)
    shared = {"a": whole, "b": whole, "t": whole.t(), "s": whole[1:, ::2], "p": nn.Parameter(whole)}
    store.save(tmp_path / "m", MANIFEST, shared)
    assert equal(store.load(tmp_path / "m")[1], {k: v.detach() for k, v in shared.items()})


def test_saving_again_replaces_the_model_and_keeps_other_files(tmp_path):
    store.save(tmp_path / "m", MANIFEST, tensors())
    (tmp_path / "m" / "README.md").write_text("mine")
    old = store.load(tmp_path / "m")[1]
    store.save(tmp_path / "m", {**MANIFEST, "name": "new"}, {"b": torch.ones(2)})
    manifest, loaded = store.load(tmp_path / "m", verify=True)
    assert (manifest["name"], list(loaded)) == ("new", ["b"])
    assert (tmp_path / "m" / "README.md").read_text() == "mine"
    assert equal(old, tensors()), "tensors loaded before are still there"


def test_a_model_can_be_saved_over_itself(tmp_path):
    store.save(tmp_path / "m", MANIFEST, tensors())
    manifest, loaded = store.load(tmp_path / "m")
    store.save(tmp_path / "m", manifest, loaded)
    assert equal(store.load(tmp_path / "m", verify=True)[1], tensors())


class Failing(dict):
    """Tensors that cannot be read to the end."""

    def __init__(self, failure):
        super().__init__(tensors())
        self.failure = failure

    def __getitem__(self, name):
        raise self.failure


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (OSError(28, "No space left on device"), OutputError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_a_failing_save_leaves_the_old_model(tmp_path, failure, expected):
    store.save(tmp_path / "m", MANIFEST, tensors())
    with pytest.raises(expected):
        store.save(tmp_path / "m", {**MANIFEST, "name": "new"}, Failing(failure))
    assert store.load(tmp_path / "m", verify=True)[0]["name"] == "test"
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


def test_a_save_killed_between_its_two_renames_is_undone(tmp_path):
    store.save(tmp_path / "m", MANIFEST, tensors())
    (tmp_path / "m").rename(tmp_path / ".m.previous")
    assert equal(store.load(tmp_path / "m", verify=True)[1], tensors())
    shutil.copytree(tmp_path / "m", tmp_path / ".m.previous")  # killed before tidying up
    store.save(tmp_path / "m", {**MANIFEST, "name": "new"}, tensors())
    assert store.load(tmp_path / "m")[0]["name"] == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


def test_only_model_folders_are_replaced(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.png").write_bytes(b"cat")
    (tmp_path / "file").write_text("mine")
    for name in ("photos", "file"):
        with pytest.raises(OutputError, match="Choose another name"):
            store.save(tmp_path / name, MANIFEST, tensors())
    assert (tmp_path / "photos" / "cat.png").read_bytes() == b"cat"
    (tmp_path / "empty").mkdir()
    store.save(tmp_path / "empty", MANIFEST, tensors())
    assert store.load(tmp_path / "empty")[0]["name"] == "test"


@pytest.mark.parametrize(
    "change",
    [
        *({"kind": "other"}, {"family": ""}, {"name": 3}, {"note": None}, {"t": object()}),
        {"note": "\ud800"},
    ],
)
def test_bad_manifests_are_not_written(tmp_path, change):
    with pytest.raises(UsageError, match="manifest"):
        store.save(tmp_path / "m", {**MANIFEST, **change}, tensors())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("keep", [0, 5, 50, -1])
def test_truncated_tensors(tmp_path, keep):
    store.save(tmp_path / "m", MANIFEST, tensors())
    path = tmp_path / "m" / store.TENSORS
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(BadCheckpoint, match=r"not intact.*download it again"):
        store.load(tmp_path / "m")


def test_changed_tensors_are_found_on_demand(tmp_path):
    store.save(tmp_path / "m", MANIFEST, {"w": torch.ones(50)})
    path = tmp_path / "m" / store.TENSORS
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)
    store.load(tmp_path / "m")
    with pytest.raises(BadCheckpoint, match="not match its SHA-256"):
        store.load(tmp_path / "m", verify=True)


def test_missing_broken_and_newer_manifests(tmp_path):
    with pytest.raises(BadCheckpoint, match="models import"):
        store.load(tmp_path / "none")
    store.save(tmp_path / "m", MANIFEST, tensors())
    file = tmp_path / "m" / store.MANIFEST
    text = file.read_text()
    for broken, message in {
        "name = [": "not valid TOML",
        text.replace("format = 1", "format = 2"): "Update vivavoce",
        text.replace('"acoustic"', '"soup"'): "soup",
        text.replace('family = "glow"', ""): "family",
    }.items():
        file.write_text(broken)
        with pytest.raises(BadCheckpoint, match=message):
            store.load(tmp_path / "m")
    file.write_text(text)
    (tmp_path / "m" / store.TENSORS).unlink()
    with pytest.raises(BadCheckpoint, match="Check the path"):
        store.load(tmp_path / "m")
    with pytest.raises(BadCheckpoint, match="Check the path"):
        store.load(tmp_path / "m", verify=True)


def test_weights_of_another_family_are_refused_with_a_reason(tmp_path):
    store.save(tmp_path / "m", MANIFEST, tensors())
    with pytest.raises(BadCheckpoint, match="another model family"):
        adapt.strict_load(nn.Conv1d(1, 1, 3), store.load(tmp_path / "m")[1])


def test_a_folder_that_only_says_where_the_weights_are(tmp_path):
    """An older copy of the weights in the folder goes; what else lies there stays."""
    store.save(tmp_path / "m", MANIFEST, tensors())
    (tmp_path / "m" / "notes.txt").write_text("mine")
    store.save(tmp_path / "m", MANIFEST, tensors(), source="hf://o/r/x.safetensors@abc")
    assert sorted(f.name for f in (tmp_path / "m").iterdir()) == [store.MANIFEST, "notes.txt"]
    weights = store.read_manifest(tmp_path / "m")["weights"]
    assert weights == {"parameters": 12, "source": "hf://o/r/x.safetensors@abc"}
