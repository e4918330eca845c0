"""A model that brings its own vocoder: one folder, two modules."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests.tiny import tiny_folders
from tests.tolerance import assert_near
from vivavoce.checkpoints import store
from vivavoce.errors import BadCheckpoint
from vivavoce.hub import build, library
from vivavoce.hub import paths as cache
from vivavoce.hub.read import Stored
from vivavoce.speech.load import load


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """The model with its vocoder inside; the same as two folders."""
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path / "home"))
    model, vocoder = tiny_folders(tmp_path)
    (manifest, tensors), (its, decoder) = store.load(model), store.load(vocoder)
    own = {key: its[key] for key in ("family", "config", "features")}
    joined = tensors | {f"vocoder.{k}": v for k, v in decoder.items()}
    store.save(tmp_path / "whole", manifest | {"name": "whole", "vocoder": own}, joined)
    return tmp_path / "whole", model, vocoder


def test_it_speaks_as_the_two_do(folders):
    whole, model, vocoder = folders
    said = load(whole, device="cpu").speak("Hello there.", seed=1).samples
    expected = load(model, vocoder=vocoder, device="cpu").speak("Hello there.", seed=1).samples
    assert len(said) > 1000
    assert np.array_equal(said, expected)


def test_another_vocoder_may_replace_it(folders):
    whole, _, vocoder = folders
    file = vocoder / store.TENSORS
    louder = load_file(file)
    louder["head.bias"] += 2.0
    manifest = store.read_manifest(vocoder)
    store.save(vocoder, manifest, {key: value.clone() for key, value in louder.items()})
    given = load(whole, vocoder=vocoder, device="cpu").vocoder
    own = load(whole, device="cpu").vocoder
    weights = [dict(v.named_parameters())["head.bias"] for v in (given, own)]
    assert_near(weights[0], weights[1] + 2.0)


def test_every_part_takes_its_tensors_or_says_so(folders):
    stored = library.open_model(str(folders[0]))
    assert set(build.checked(stored).tensors) == set(stored.tensors)
    for name in ("vocoder.head.bias", "encoder.embedding.weight"):
        missing = {k: v for k, v in stored.tensors.items() if k != name}
        with pytest.raises(BadCheckpoint, match=name.removeprefix("vocoder.")):
            build.checked(Stored(stored.manifest, missing))
    more = stored.tensors | {"vocoder.odd": torch.ones(1)}
    with pytest.raises(BadCheckpoint, match="1 unexpected: odd"):
        build.checked(Stored(stored.manifest, more))


def test_it_is_listed_without_its_tables_and_shown_with_them(folders):
    cache.models().mkdir(parents=True)
    folders[0].rename(cache.models() / "mine")
    row = next(row for row in library.installed() if row.name == "mine")
    assert (row.own_vocoder, row.vocoder) == (True, "")
    assert not {"config", "text"} & set(row.plain())
    assert library.show("mine").plain()["vocoder"]["family"] == "vocos"


def test_most_models_only_name_a_vocoder(folders):
    stored = library.open_model(str(folders[1]))
    own, vocoder = build.split(stored)
    assert (own, vocoder) == (stored, None)
    assert build.named_vocoder(own) == str(folders[2])
    _, vocoder = build.split(library.open_model(str(folders[0])))
    assert vocoder is not None
    assert vocoder.manifest["name"] == "whole"


@pytest.mark.parametrize("address", ["hf://o/r/m.pt", "https://a.example/m.pt"])
def test_a_manifest_that_names_an_address_as_its_vocoder_makes_no_request(
    folders, hub, monkeypatch, address
):
    _, model, _ = folders
    (manifest, tensors) = store.load(model)
    store.save(model, manifest | {"vocoder": address}, {k: v.clone() for k, v in tensors.items()})
    with pytest.raises(BadCheckpoint, match="names an address as its vocoder"):
        load(model, device="cpu")
    assert hub.requests == []
