from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.train.fake import SPEC
from vivavoce.audio import features, io
from vivavoce.errors import AudioError, OutputError
from vivavoce.train.cache import FeatureCache

BOTH = frozenset({"samples", "features"})


@pytest.fixture
def wav(toy_data: Path) -> Path:
    return toy_data / "wavs" / "tone03.wav"


def test_what_is_cached_is_what_is_computed(wav, tmp_path):
    cache = FeatureCache(tmp_path, SPEC, BOTH)
    seconds = cache.prepare(wav)
    samples = io.read(wav).samples
    assert seconds == pytest.approx(len(samples) / SPEC.sample_rate)
    assert np.array_equal(cache.samples(wav), samples)
    expected = features.extract(torch.from_numpy(samples)[None], SPEC)[0].numpy()
    assert np.array_equal(cache.features(wav), expected)


def test_the_second_time_nothing_is_decoded(wav, tmp_path, monkeypatch):
    cache = FeatureCache(tmp_path, SPEC, frozenset({"tokens", "features"}))
    first = cache.prepare(wav)
    monkeypatch.setattr(io, "read", None)
    assert cache.prepare(wav) == first


def test_resampled_to_the_specifications_rate(wav, tmp_path):
    cache = FeatureCache(tmp_path, replace(SPEC, sample_rate=4000), frozenset({"samples"}))
    before = len(io.read(wav).samples)
    cache.prepare(wav)
    assert len(cache.samples(wav)) == pytest.approx(before / 2, abs=1)


def test_another_specification_or_a_changed_file_is_another_entry(wav, tmp_path):
    copy = tmp_path / "copy.wav"
    copy.write_bytes(wav.read_bytes())
    FeatureCache(tmp_path, SPEC, BOTH).prepare(copy)
    assert len(list(tmp_path.rglob("*.npy"))) == 2
    FeatureCache(tmp_path, replace(SPEC, n_mels=4), BOTH).prepare(copy)
    assert len(list(tmp_path.rglob("*.npy"))) == 3
    os.utime(copy, ns=(1, 1))
    FeatureCache(tmp_path, SPEC, BOTH).prepare(copy)
    assert len(list(tmp_path.rglob("*.npy"))) == 5


def test_many_at_once_leave_only_whole_entries(wav, tmp_path):
    caches = [FeatureCache(tmp_path, SPEC, BOTH) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        lengths = set(pool.map(lambda c: c.prepare(wav), caches))
    assert len(lengths) == 1
    assert sorted(p.suffix for p in tmp_path.rglob("*.*")) == [".npy", ".npy"]


def test_errors_are_typed(wav, tmp_path):
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF")
    with pytest.raises(AudioError):
        FeatureCache(tmp_path, SPEC, BOTH).prepare(broken)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"data\.cache"):
        FeatureCache(tmp_path / "file", SPEC, BOTH).prepare(wav)


def test_derived_kinds_are_made_once_for_each_identity(wav, tmp_path):
    made = []

    def make(kind, samples):
        made.append((kind, len(samples)))
        return torch.arange(3)

    for identity, calls in (("a", 1), ("a", 1), ("b", 2)):
        cache = FeatureCache(tmp_path, SPEC, BOTH, {"codes": identity})
        cache.prepare(wav)
        cache.derive(wav, make)
        assert len(made) == calls
    assert made[0] == ("codes", len(cache.samples(wav)))
    assert cache.values(wav, "codes").dtype == np.int64
    assert cache.values(wav, "codes").tolist() == [0, 1, 2]
