from __future__ import annotations

import pytest

from tests.tiny import tiny_tts
from vivavoce.diagnose import bench


@pytest.fixture(autouse=True)
def _tiny(monkeypatch):
    monkeypatch.setattr("vivavoce.speech.load.load", lambda *a, **k: tiny_tts())


def test_numbers_are_whole_and_consistent():
    steps = []
    found = bench.bench(runs=2, on_progress=lambda done, total, note: steps.append((done, total)))
    assert steps == [(1, 3), (2, 3), (3, 3)]
    assert found["audio_s"] == pytest.approx(len(tiny_tts().speak(bench.TEXT).samples) / 24000)
    assert found["first_audio_s"] > 0
    assert found["rtf"] > 0
    assert set(found["stages_rtf"]) == {"acoustic", "vocoder"}
    assert sum(found["stages_rtf"].values()) > 0
    assert set(found["cold"]) == {"first_audio_s", "rtf"}
    assert found["load_s"] > 0
    assert found["peak_memory_bytes"] is None or found["peak_memory_bytes"] > 2**24
    assert found["device_peak_memory_bytes"] is None


def test_the_stages_are_parts_of_the_whole():
    run = bench.measure(tiny_tts(), "Hello there. Good evening.")
    assert sum(run["stages_s"].values()) <= run["rtf"] * run["audio_s"]
    assert run["first_audio_s"] <= run["rtf"] * run["audio_s"]


def test_the_bundled_voice_is_checked():
    found = bench.check_bundled("cpu")
    assert set(found) == {"model", "device", "vocoder_device", "load_s", "first_audio_s", "rtf"}
