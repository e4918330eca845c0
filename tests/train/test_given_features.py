"""What comes with a recording, features or its periodic part, is cropped where the samples are."""

import json

import numpy as np
import pytest
import torch

from vivavoce.audio import io
from vivavoce.errors import TrainingError
from vivavoce.train import manifest
from vivavoce.train.cache import FeatureCache
from vivavoce.train.data import Data, Example, measure
from vivavoce.train.recipe import DataSource
from vivavoce.types import Audio, FeatureSpec


@pytest.mark.parametrize(("column", "file"), [("features", "a.npy"), ("periodic", "p.wav")])
def test_a_row_names_its_file(tmp_path, column, file):
    (tmp_path / "a.wav").touch()
    (tmp_path / file).touch()
    row = {"audio": "a.wav", "text": "A.", column: file}
    (tmp_path / "m.jsonl").write_text(json.dumps(row))
    source = DataSource(path=tmp_path / "m.jsonl", format="jsonl")
    assert getattr(manifest.read([source])[0], column) == tmp_path / file
    (tmp_path / file).unlink()
    with pytest.raises(TrainingError, match=rf"m\.jsonl:1: '{column}': no file at"):
        manifest.read([source])


def test_a_periodic_part_of_another_length_is_refused(tmp_path):
    cache = FeatureCache(tmp_path / "cache", FeatureSpec(), frozenset({"samples", "periodic"}))
    for name, seconds in (("a.wav", 1.0), ("same.wav", 1.015), ("short.wav", 0.9)):
        samples = np.zeros(round(24000 * seconds), np.float32)
        io.write(tmp_path / name, Audio(samples, 24000), "wav")
    rows = []
    for name in ("same.wav", "short.wav"):
        row = {"audio": "a.wav", "text": "A.", "periodic": name}
        (tmp_path / "m.jsonl").write_text(json.dumps(row))
        rows += manifest.read([DataSource(path=tmp_path / "m.jsonl", format="jsonl")])
    assert measure(rows[:1], cache, 1) == [1.0]
    with pytest.raises(TrainingError, match=r"short\.wav lasts 0\.900 s, the recording 1\.000 s"):
        measure(rows, cache, 1)


def test_a_crop_holds_the_frames_at_both_its_ends(tmp_path):
    spec = FeatureSpec(hop_length=4, n_fft=16, win_length=16)
    cache = FeatureCache(tmp_path, spec, frozenset({"samples", "given_features", "periodic"}))
    samples = np.arange(400, dtype=np.float32)
    audio, periodic = tmp_path / "a.wav", tmp_path / "p.wav"
    for file, values in ((audio, samples), (periodic, -samples)):
        file.touch()
        path = cache._path(file, "samples")
        path.parent.mkdir(exist_ok=True)
        np.save(path, values)
    np.save(tmp_path / "a.npy", 4 * np.arange(101, dtype=np.float32)[None])  # each frame's sample
    example = Example("a", audio, 1.0, 0, given_features=tmp_path / "a.npy", periodic=periodic)
    batch = Data((example,), (), cache, 10).batch([example], [1, 2, 3])
    assert batch["given_features"].shape == (1, 1, 11)
    assert torch.equal(batch["periodic"], -batch["samples"])
    assert batch["given_features"][0, 0, 0] == batch["samples"][0, 0]
    assert batch["given_features"][0, 0, 10] == batch["samples"][0, -1] + 1
