from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.train.fake import SPEC, OnePhase, TwoPhases
from vivavoce.errors import TrainingError
from vivavoce.train import data, manifest
from vivavoce.train.cache import FeatureCache
from vivavoce.train.data import Data
from vivavoce.train.recipe import DataConfig, DataSource


def load(folder: Path, task: torch.nn.Module, **values: object) -> Data:
    config = DataConfig(sources=(DataSource(path=folder),), **values)  # type: ignore[arg-type]
    cache = FeatureCache(folder / "cache", SPEC, task.needs)  # type: ignore[arg-type]
    return data.prepare(manifest.read(config.sources), config, task, cache, workers=2)


@pytest.fixture
def whole(toy_data: Path) -> Data:
    return load(toy_data, OnePhase({"model": {}}, ()), validation=2)


@pytest.fixture
def cropped(toy_data: Path) -> Data:
    return load(toy_data, TwoPhases({"model": {}}, ()), validation=2)


def test_validation_is_spread_and_apart(whole):
    assert [e.id for e in whole.validation] == ["tone00", "tone06"]
    assert len(whole.train) == 10
    assert not {e.id for e in whole.train} & {e.id for e in whole.validation}


def test_validation_by_name_and_length_limits(toy_data):
    task = OnePhase({"model": {}}, ())
    found = load(toy_data, task, validation=("tone1*",), min_s=0.5, max_s=0.92)
    assert [e.id for e in found.validation] == ["tone10"]
    assert [e.id for e in found.train] == [f"tone{i:02d}" for i in range(2, 10)]
    with pytest.raises(TrainingError, match="max_s"):
        load(toy_data, task, max_s=0.3)


def test_a_batch_is_padded_with_zeros(whole):
    batch = whole.batch(whole.train[:3], (0, 0, 0))
    assert set(batch) == {"speakers", "tokens", "token_lengths", "features", "feature_lengths"}
    assert batch["tokens"].dtype == batch["speakers"].dtype == torch.int64
    assert batch["features"].shape == (3, SPEC.n_mels, int(batch["feature_lengths"].max()))
    for i, example in enumerate(whole.train[:3]):
        n, t = int(batch["token_lengths"][i]), int(batch["feature_lengths"][i])
        assert tuple(batch["tokens"][i, :n].tolist()) == example.tokens
        assert np.array_equal(batch["features"][i, :, :t], whole.cache.features(example.audio))
        assert not batch["features"][i, :, t:].any()
        assert not batch["tokens"][i, n:].any()


def test_crops_of_sound_and_features_are_of_the_same_place(cropped):
    example = cropped.train[-1]
    samples = torch.from_numpy(cropped.cache.samples(example.audio).copy())
    frames = torch.from_numpy(cropped.cache.features(example.audio).copy())
    starts = set()
    for index in range(20):
        batch = cropped.batch([example], (0, 0, index))
        assert batch["samples"].shape == (1, 10 * SPEC.hop_length)
        first = batch["features"][0, :, 0]
        at = next(t for t in range(frames.shape[1]) if torch.equal(frames[:, t], first))
        expected = samples[at * SPEC.hop_length :][: 10 * SPEC.hop_length]
        assert torch.equal(batch["samples"][0], expected)
        starts.add(at)
    assert len(starts) > 10


def test_crops_depend_on_the_seed_alone(cropped):
    one, again, other = (cropped.batch(cropped.train, (0, 0, i))["samples"] for i in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_shorter_than_a_crop_is_padded_to_it(cropped):
    long = Data(cropped.train, (), cropped.cache, 1000)
    batch = long.batch(cropped.train[:1], (0, 0, 0))
    assert batch["samples"].shape[1] == 1000 * SPEC.hop_length
    length = int(batch["sample_lengths"][0])
    assert length == len(cropped.cache.samples(cropped.train[0].audio))
    assert not batch["samples"][0, length:].any()


def test_whole_utterances_without_a_seed(cropped):
    batch = cropped.batch(cropped.train[:2], None)
    assert int(batch["sample_lengths"][1]) == round(cropped.train[1].seconds * SPEC.sample_rate)


def test_lengths_in_buckets_on_devices_that_ask_for_it(whole):
    bucketed = Data(whole.train, (), whole.cache, None, bucket=lambda n: -(-n // 64) * 64)
    batch = bucketed.batch(whole.train[:3], None)
    assert batch["features"].shape[-1] % 64 == 0
    assert batch["tokens"].shape[-1] == 64
    cropped = Data(whole.train, (), whole.cache, 5, bucket=lambda n: n + 1)
    assert cropped.batch(whole.train[:3], (0, 0, 0))["features"].shape[-1] == 5
    assert torch.equal(batch["token_lengths"], whole.batch(whole.train[:3], None)["token_lengths"])


def test_texts_and_recordings_that_cannot_be_used_are_named(tmp_path):
    (tmp_path / "wavs").mkdir()
    (tmp_path / "wavs" / "a.wav").write_bytes(b"RIFF")
    (tmp_path / "metadata.csv").write_text("a|na\xefve \xa3\n", encoding="utf-8")
    with pytest.raises(TrainingError, match=r"metadata\.csv:1: .*unknown characters: 'ï' '£'"):
        load(tmp_path, OnePhase({"model": {}}, ()))
    (tmp_path / "metadata.csv").write_text("a|naive\n")
    with pytest.raises(TrainingError, match=r"metadata\.csv:1: .*a\.wav"):
        load(tmp_path, OnePhase({"model": {}}, ()))


def test_speakers_are_numbered_by_name(toy_data):
    rows = [
        manifest.ManifestRow(n, toy_data, "", who, "") for n, who in (("1", "Bob"), ("2", "Ann"))
    ]
    assert data.speakers(rows) == ("Ann", "Bob")
    assert data.speakers([manifest.ManifestRow("1", toy_data, "", "", "")]) == ()


def test_the_fingerprint_follows_the_data(whole):
    assert whole.fingerprint == Data(whole.train, (), whole.cache, 3).fingerprint
    assert whole.fingerprint != Data(whole.train[1:], (), whole.cache, None).fingerprint
