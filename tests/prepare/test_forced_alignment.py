"""Where a text's tokens lie in a recording."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import vivavoce
from vivavoce import data
from vivavoce.audio import io
from vivavoce.data import forced_alignment
from vivavoce.errors import TrainingError, UsageError
from vivavoce.speech.result import Speech
from vivavoce.train import prosody
from vivavoce.types import Audio

TEXT = "The birch canoe slid on the smooth planks."


@pytest.fixture(scope="module")
def tts():
    return vivavoce.load("linnet", device="cpu")


def audio(speech: Speech) -> Audio:
    return Audio(speech.samples, speech.sample_rate)


def test_slow_speech_is_found_where_it_was_said(tts):
    said = tts.speak(TEXT, speed=0.8)
    recording = audio(said)
    found = forced_alignment.locate(tts, TEXT, recording)
    ends = np.cumsum(found.seconds)
    assert ends[-1] == pytest.approx(recording.duration_s, abs=0.002)
    starts = [w.start_s for w in said.words]
    assert len(starts) == 8
    near = [np.abs(ends - start).min() for start in starts]
    assert max(near) < 0.03
    assert found.pace > 1.2  # the pauses around the sentence are not stretched


def test_the_cheapest_path_runs_along_what_is_equal():
    ours = np.array([[0.0], [1.0], [5.0], [2.0]])
    theirs = np.repeat(ours, [1, 3, 2, 1], axis=0)
    path, cost = forced_alignment.warp(forced_alignment.distances(ours, theirs))
    assert cost == 0
    assert [i for i, _ in path] == [0, 1, 1, 1, 2, 2, 3]


def written(tts, folder: Path, texts: dict[str, str]) -> Path:
    """Recordings of the first half of each pair, listed with the second half."""
    rows = []
    for number, (said, listed) in enumerate(texts.items()):
        io.write(folder / f"{number}.wav", audio(tts.speak(said)))
        rows.append({"id": str(number), "audio": f"{number}.wav", "text": listed})
    path = folder / "list.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_a_clip_with_another_text_is_left_out_and_the_rest_can_be_trained_on(tts, tmp_path):
    texts = {f"This is sentence number {n}.": f"This is sentence number {n}." for n in range(5)}
    texts["Glue the sheet to the dark blue background."] = TEXT
    result = data.align(written(tts, tmp_path, texts), tmp_path / "out.jsonl", device="cpu")
    assert [name for name, _ in result.rejected] == ["5"]
    assert "does not sound like its text" in result.rejected[0][1]
    rows = [json.loads(line) for line in result.path.read_text(encoding="utf-8").splitlines()]
    assert [row["id"] for row in rows] == ["0", "1", "2", "3", "4"]
    for row in rows:
        known = prosody.read(row)
        assert known is not None
        total = io.read(row["audio"]).duration_s
        assert float(known.durations_s.sum()) == pytest.approx(total, abs=0.005)
        assert (known.pitch_hz > 0).mean() > 0.3


def test_a_source_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"no file or folder .*nowhere"):
        data.align(tmp_path / "nowhere", tmp_path / "out.jsonl")


def test_no_clip_that_fits_is_an_error_and_nothing_is_written(tts, tmp_path):
    path = written(tts, tmp_path, {"Yes.": "It was the best of times, it was the worst of times."})
    with pytest.raises(TrainingError, match="No clip"):
        data.align(path, tmp_path / "out.jsonl", device="cpu")
    assert not (tmp_path / "out.jsonl").exists()
