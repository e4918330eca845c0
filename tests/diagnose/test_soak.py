from __future__ import annotations

import pytest

from tests.tiny import tiny_tts
from vivavoce.diagnose import soak as soaking
from vivavoce.runtime.memory import memory


@pytest.mark.skipif(memory("cpu").used is None, reason="the system does not tell")
def test_memory_is_read_along_the_way(monkeypatch):
    monkeypatch.setattr(soaking, "WARM_UP", 10)
    steps = []
    result = soaking.soak(tiny_tts(), 20, lambda *step: steps.append(step))
    assert steps[-1] == (20, 20, "")
    assert len(result.resident_bytes) == 10
    assert min(result.resident_bytes) > 2**24
    assert result.growth is not None
    assert result.speech_s > 1


def test_a_short_run_compares_nothing():
    assert soaking.soak(tiny_tts(), 3).growth is None
