"""`vivavoce speak`: rates, loudness, formats, and what is kept of work that is broken off."""

from __future__ import annotations

import json
import os
import signal

import numpy as np
import pytest
import soundfile

from tests.tiny import tiny_tts
from vivavoce.audio.io import read
from vivavoce.audio.loudness import integrated_lufs
from vivavoce.errors import GuardError

TEXT = "Hello there.\n\nThis is the second sentence.\n\nAnd a third.\n\nThen a fourth."


@pytest.fixture(autouse=True)
def _voice(loads, here):
    """Every test here speaks with the tiny voice, in an empty folder."""


def spoken(cli, *options, output="a.wav"):
    result = cli("speak", TEXT, "-o", output, *options)
    assert result.code == 0, result.err
    return result


def test_raw_samples_are_those_of_the_wav_file(cli, here):
    spoken(cli)
    spoken(cli, output="a.pcm")
    samples, _ = soundfile.read("a.wav", dtype="int16")
    assert (here / "a.pcm").read_bytes() == samples.astype("<i2").tobytes()
    piped = cli("speak", TEXT, "-o", "-", "--format", "pcm")
    assert piped.stdout == (here / "a.pcm").read_bytes()


def test_aac(cli):
    pytest.importorskip("av")
    spoken(cli)
    spoken(cli, output="a.aac")
    assert read("a.aac").duration_s == pytest.approx(read("a.wav").duration_s, abs=0.1)


def test_the_rate_of_the_file(cli):
    spoken(cli)
    spoken(cli, "--sample-rate", "8000", output="b.wav")
    assert soundfile.info("b.wav").samplerate == 8000
    assert read("b.wav").duration_s == pytest.approx(read("a.wav").duration_s, abs=1e-3)


def test_volume_is_a_gain_and_clipping_is_said(cli):
    spoken(cli, output="a.flac")
    softer = spoken(cli, "--volume", "-6.0206", output="b.flac")
    np.testing.assert_allclose(read("b.flac").samples, read("a.flac").samples / 2, atol=1e-4)
    assert "warning" not in softer.err
    louder = spoken(cli, "--volume", "40", "--json")
    assert "samples were too loud and were clipped" in louder.err
    assert "clipped" in json.loads(louder.out)["warnings"][0]


@pytest.mark.parametrize("goal", ["-30", "-45"])
def test_loudness_is_reached(cli, here, goal):
    spoken(cli, "--loudness", goal, output="a.flac")
    assert integrated_lufs(read("a.flac")) == pytest.approx(float(goal), abs=0.1)
    assert [path.name for path in here.iterdir()] == ["a.flac"]


def test_loudness_that_would_clip_is_not_reached_and_said(cli):
    result = spoken(cli, "--loudness", "0")
    assert "louder would clip" in result.err
    assert np.abs(read("a.wav").samples).max() == pytest.approx(10 ** (-1 / 20), abs=1e-3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--loudness", "-16", "--stream"), "--stream writes it in parts"),
        (("--loudness", "-16", "--volume", "3"), "one of them"),
        (("--loudness", "16"), "--loudness is 16 LUFS"),
        (("--volume", "90"), "--volume is 90 dB"),
        (("--volume", "nan"), "--volume is nan dB"),
        (("--sample-rate", "0"), "0 Hz is not a supported sample rate"),
        (("--sample-rate", "44100", "--format", "opus"), "opus does not support 44100 Hz"),
        (("--resume", "-o", "-"), "--resume cannot be used with a pipe"),
    ],
)
def test_what_does_not_go_together(cli, here, options, message):
    result = cli("speak", TEXT, "-o", "a.wav", *options)
    assert result.code == 2
    assert message in " ".join(result.err.split())
    assert list(here.iterdir()) == []


class BreaksOff:
    """A voice that speaks some pieces and then fails."""

    def __init__(self, error, pieces):
        self.tts, self.error, self.pieces = tiny_tts(2), error, pieces

    def __getattr__(self, name):
        return getattr(self.tts, name)

    def stream(self, *arguments, **how):
        for number, chunk in enumerate(self.tts.stream(*arguments, **how)):
            if number == self.pieces:
                raise self.error
            yield chunk


@pytest.mark.parametrize(
    ("error", "code"), [(KeyboardInterrupt(), 130), (GuardError("Not speech.", "Try."), 1)]
)
@pytest.mark.parametrize("options", [(), ("--loudness", "-30")])
def test_broken_off_work_is_kept_and_goes_on(cli, here, monkeypatch, error, code, options):
    monkeypatch.setattr("vivavoce.speech.load.load", lambda *a, **how: BreaksOff(error, 2))
    result = cli("speak", TEXT, "-o", "a.wav", *options)
    assert result.code == code
    assert "kept 3 passages in a.wav.unfinished; the same command with --resume" in result.err
    assert [path.name for path in here.iterdir()] == ["a.wav.unfinished"]
    monkeypatch.setattr("vivavoce.speech.load.load", lambda *a, **how: tiny_tts(2))
    result = spoken(cli, "--resume", *options)
    assert "resuming with 3 passages from a.wav.unfinished" in result.err
    assert [path.name for path in here.iterdir()] == ["a.wav"]
    whole = spoken(cli, *options, output="b.wav")
    assert "resuming with" not in whole.err
    assert (here / "a.wav").read_bytes() == (here / "b.wav").read_bytes()


@pytest.mark.skipif(os.name == "nt", reason="no such signals")
@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_ends_orderly_with_its_code(cli, here, monkeypatch, name, code):
    class Signalled(BreaksOff):
        def __init__(self):
            super().__init__(None, 3)

        def stream(self, *arguments, **how):
            for number, chunk in enumerate(self.tts.stream(*arguments, **how)):
                if number == self.pieces:
                    os.kill(os.getpid(), getattr(signal, name))
                yield chunk

    monkeypatch.setattr("vivavoce.speech.load.load", lambda *a, **how: Signalled())
    before = signal.signal(getattr(signal, name), signal.SIG_DFL)  # nohup ignores SIGHUP
    try:
        result = cli("speak", TEXT, "-o", "a.wav")
    finally:
        after = signal.signal(getattr(signal, name), before)
    assert (result.code, "kept " in result.err) == (code, True)
    assert [path.name for path in here.iterdir()] == ["a.wav.unfinished"]
    assert after is signal.SIG_DFL


def test_nothing_to_resume_begins_at_the_beginning(cli):
    spoken(cli, "--resume")
    spoken(cli, output="b.wav")
    np.testing.assert_array_equal(read("a.wav").samples, read("b.wav").samples)
