"""Durations and pitch of a manifest's row, as frames of a model."""

import json

import numpy as np
import pytest

from vivavoce.errors import TrainingError
from vivavoce.train import manifest, prosody
from vivavoce.train.recipe import DataSource
from vivavoce.types import FeatureSpec

SPEC = FeatureSpec()
ROW = {"tokens": [1, 5, 2], "durations_s": [0.1, 0.25, 0.15], "pitch_hz": [0.0] * 10 + [200.0] * 30}


def test_frames_are_seconds_at_the_frame_rate():
    found = prosody.read(ROW)
    assert found.frames(SPEC) == pytest.approx(np.array([0.1, 0.25, 0.15]) * 93.75)


def test_pitch_is_taken_at_the_frames_middles():
    pitch = prosody.read(ROW).pitch(SPEC, 47)
    assert (pitch[:12] == 0).all()  # the first 0.125 s
    assert pitch[13:] == pytest.approx(200.0)


def test_between_two_values_the_logarithm_is_a_line():
    row = {"tokens": [1], "durations_s": [0.4], "pitch_hz": [100.0, 400.0]}
    pitch = prosody.read(row).pitch(SPEC, 38)
    assert np.log(pitch[[14, 18, 23]]) == pytest.approx(
        np.interp(np.array([14, 18, 23]) / 93.75, [0.1, 0.3], np.log([100, 400]))
    )


def test_nothing_voiced_is_all_zero():
    assert not prosody.read({**ROW, "pitch_hz": [0.0, 39.0]}).pitch(SPEC, 5).any()


def test_phase_counts_the_cycles():
    row = {"tokens": [1], "durations_s": [1.0], "pitch_hz": [150.0] * 80}
    phase = prosody.read(row).phase(SPEC, 90)
    expected = np.arange(90) * 256 * 150 / 24000
    gap = (phase - expected + 0.5) % 1 - 0.5
    assert np.abs(gap).max() < 0.01


@pytest.mark.parametrize(
    "wrong",
    [
        {"tokens": [1]},
        {**ROW, "durations_s": [0.1]},
        {**ROW, "durations_s": [0.1, -1, 0.2]},
        {**ROW, "pitch_hz": []},
    ],
)
def test_what_is_wrong_is_said(wrong):
    with pytest.raises(ValueError, match=r"it has|must be"):
        prosody.read(wrong)


def test_a_row_without_prosody_has_none():
    assert prosody.read({"audio": "a.wav", "text": "A."}) is None


def test_a_broken_row_is_named_with_its_line(tmp_path):
    (tmp_path / "a.wav").touch()
    row = {"audio": "a.wav", "text": "A.", **ROW, "durations_s": [1.0]}
    (tmp_path / "m.jsonl").write_text(json.dumps(row))
    with pytest.raises(TrainingError, match="jsonl:1: it has 3 tokens and 1 durations"):
        manifest.read([DataSource(path=tmp_path / "m.jsonl", format="jsonl")])
