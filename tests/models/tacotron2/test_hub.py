"""A checkpoint as it is published: r beside the tensors, statistics and settings in files."""

from __future__ import annotations

import json

import pytest
import torch

from vivavoce.errors import ConfigError
from vivavoce.hub import build, library


def published(folder, recording, **saved):
    torch.save({"model": recording.weights, **saved}, folder / "model_file.pth")
    audio = {"num_mels": 10, "mel_fmin": 50.0, "log_func": "np.log", "signal_norm": False}
    settings = recording.meta["config"] | {"audio": audio, "text_cleaner": "english_cleaners"}
    (folder / "config.json").write_text(json.dumps(settings))
    return str(folder / "model_file.pth")


@pytest.mark.parametrize(
    ("saved", "r"), [({"r": 1, "step": 100}, 1), ({"config": {"r": 1}}, 1), ({}, 2)]
)
def test_r_is_read_from_the_checkpoint(load_parity, tmp_path, saved, r):
    path = published(tmp_path, load_parity("zoo/tacotron2_ddc_tiny"), **saved)
    stored = library.open_model(path, "acoustic")
    assert stored.manifest["family"] == "tacotron2"
    assert stored.manifest["config"]["r"] == r
    assert build.acoustic(stored).config.r == r


def test_an_r_that_is_none_is_an_error(load_parity, tmp_path):
    path = published(tmp_path, load_parity("zoo/tacotron2_ddc_tiny"), r="many")
    with pytest.raises(ConfigError, match="'r'"):
        library.open_model(path, "acoustic")
