"""Frameworks for voice agents hear what `TTS.speak` says, through their own OpenAI clients.

They are large and want versions of their own, so each runs in an environment of its own:
`LIVEKIT_PYTHON` (with livekit-plugins-openai) and `PIPECAT_PYTHON` (with pipecat-ai[openai]) name
its interpreter.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.serve.conftest import MEDIUM

SCRIPTS = Path(__file__).parent / "agents"


def heard(variable, script, server, output):
    """What the framework's client wrote, by the ends of the files' names."""
    python = os.environ.get(variable)
    if not python:
        pytest.skip(f"{variable} names no interpreter")
    command = [python, SCRIPTS / script, f"{server.base}/v1", MEDIUM, "pcm", output]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    files = output.parent.glob(f"{output.name}.*")
    return {file.name: np.frombuffer(file.read_bytes(), "<i2") for file in files}


def test_livekit(server, tmp_path):
    found = heard("LIVEKIT_PYTHON", "livekit_speaks.py", server, tmp_path / "a")
    assert sorted(found) == ["a.gpt-4o-mini-tts", "a.tts-1"]
    spoken = server.spoken(MEDIUM)
    for samples in found.values():  # LiveKit ends with 10 ms of silence of its own
        assert np.array_equal(samples[: len(spoken)], spoken)
        assert not samples[len(spoken) :].any()


def test_pipecat(server, tmp_path):
    (samples,) = heard("PIPECAT_PYTHON", "pipecat_speaks.py", server, tmp_path / "a").values()
    assert np.array_equal(samples, server.spoken(MEDIUM))
