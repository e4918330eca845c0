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
from vivavoce.hub import library, parts
from vivavoce.hub import paths as cache
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
    manifest, tensors = library.open_model(str(folders[0]))
    stored = parts.checked(manifest, tensors)
    assert set(stored) == set(tensors)
    for name in ("vocoder.head.bias", "encoder.embedding.weight"):
        missing = {k: v for k, v in tensors.items() if k != name}
        with pytest.raises(BadCheckpoint, match=name.removeprefix("vocoder.")):
            parts.checked(manifest, missing)
    with pytest.raises(BadCheckpoint, match="1 unexpected: odd"):
        parts.checked(manifest, tensors | {"vocoder.odd": torch.ones(1)})


def test_it_is_listed_without_its_tables_and_shown_with_them(folders):
    cache.models().mkdir(parents=True)
    folders[0].rename(cache.models() / "mine")
    row = next(row for row in library.installed() if row["name"] == "whole")
    assert not {"config", "text", "vocoder"} & set(row)
    assert library.show("mine")["vocoder"]["family"] == "vocos"


def test_most_models_only_name_a_vocoder(folders):
    manifest, tensors = library.open_model(str(folders[1]))
    assert parts.own_vocoder(manifest) is None
    assert parts.apart(manifest, tensors) == (tensors, {})
    assert parts.own_vocoder(store.read_manifest(folders[0]))["name"] == "whole"
