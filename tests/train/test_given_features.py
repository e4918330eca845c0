"""Features that a model made come with the rows, and crops keep them beside the samples."""

import json

import numpy as np
import pytest

from vivavoce.errors import TrainingError
from vivavoce.train import manifest
from vivavoce.train.cache import FeatureCache
from vivavoce.train.data import Data, Example
from vivavoce.train.recipe import DataSource
from vivavoce.types import FeatureSpec


def test_a_row_names_its_file(tmp_path):
    (tmp_path / "a.wav").touch()
    np.save(tmp_path / "a.npy", np.zeros((2, 3), np.float32))
    row = {"audio": "a.wav", "text": "A.", "features": "a.npy"}
    (tmp_path / "m.jsonl").write_text(json.dumps(row))
    source = DataSource(path=tmp_path / "m.jsonl", format="jsonl")
    assert manifest.read([source])[0].features == tmp_path / "a.npy"
    (tmp_path / "a.npy").unlink()
    with pytest.raises(TrainingError, match=r"m\.jsonl:1: no features at"):
        manifest.read([source])


def test_a_crop_holds_the_frames_at_both_its_ends(tmp_path):
    spec = FeatureSpec(hop_length=4, n_fft=16, win_length=16)
    cache = FeatureCache(tmp_path, spec, frozenset({"samples", "given_features"}))
    samples = np.arange(400, dtype=np.float32)
    audio = tmp_path / "a.wav"
    audio.touch()
    path = cache._path(audio, "samples")
    path.parent.mkdir()
    np.save(path, samples)
    np.save(tmp_path / "a.npy", 4 * np.arange(101, dtype=np.float32)[None])  # each frame's sample
    example = Example("a", audio, 1.0, 0, given_features=tmp_path / "a.npy")
    batch = Data((example,), (), cache, 10).batch([example], [1, 2, 3])
    assert batch["given_features"].shape == (1, 1, 11)
    assert batch["given_features"][0, 0, 0] == batch["samples"][0, 0]
    assert batch["given_features"][0, 0, 10] == batch["samples"][0, -1] + 1
