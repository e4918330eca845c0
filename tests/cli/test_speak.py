"""`vivavoce speak`: where the audio goes, what is said about it, and what is refused."""

from __future__ import annotations

import io
import json
import sys

import numpy as np
import pytest
import soundfile

from tests.cli.conftest import Terminal
from tests.tiny import tiny_folders, tiny_tts

TEXT = "Hello there. This is the second sentence."


@pytest.fixture(autouse=True)
def _voice(loads, here):
    """Every test here speaks with the tiny voice, in an empty folder."""


def test_a_stored_model_speaks(cli, here, monkeypatch):
    monkeypatch.undo()
    monkeypatch.chdir(here)
    tiny_folders(here / "models")
    result = cli("speak", TEXT, "-o", "a.wav", "-m", "models/tiny", "--json", "--device", "cpu")
    assert result.code == 0, result.err
    assert json.loads(result.out)["model"] == "tiny"
    assert soundfile.info("a.wav").frames == len(tiny_tts().speak(TEXT).samples)


def test_a_file_holds_what_the_engine_speaks(cli, here, loads):
    result = cli("speak", TEXT, "-o", "a.flac", "-m", "m", "--vocoder", "w", "--device", "cpu")
    assert result.code == 0, result.err
    files = {"lora": (), "vocabulary": None, "config": None}
    assert loads == [{"model": "m", "vocoder": "w", "device": "cpu"} | files]
    assert result.out == ""
    assert "wrote a.flac" in result.err
    samples, rate = soundfile.read("a.flac", dtype="float32")
    speech = tiny_tts(2).speak(TEXT)
    assert rate == speech.sample_rate
    assert len(samples) == len(speech.samples)
    assert np.abs(samples - speech.samples).max() <= 1 / 32767


def test_options_reach_the_engine(cli, here):
    def speak(*options):
        assert cli("speak", TEXT, "-o", "a.wav", *options).code == 0
        return soundfile.read("a.wav")[0]

    noise = ("--set", "noise_scale=1.0")
    assert len(speak("--speed", "0.3")) > len(speak("--speed", "3"))
    assert not np.array_equal(speak("-v", "speaker0"), speak("-v", "speaker1"))
    assert np.array_equal(speak(*noise, "--seed", "1"), speak(*noise, "--seed", "1"))
    assert not np.array_equal(speak(*noise, "--seed", "1"), speak(*noise, "--seed", "2"))


@pytest.mark.parametrize("audio_format", [None, "flac"])
def test_a_pipe_gets_audio_and_nothing_else(cli, here, audio_format):
    extra = () if audio_format is None else ("--format", audio_format)
    result = cli("speak", "-", "-o", "-", "--json", "-V", *extra, stdin=TEXT.encode())
    assert result.code == 0, result.err
    samples, rate = soundfile.read(io.BytesIO(result.stdout))
    assert len(samples) == len(tiny_tts(2).speak(TEXT).samples)
    assert rate == 24000
    summary = json.loads(next(line for line in result.err.splitlines() if line.startswith("{")))
    assert summary["file"] == "-"
    assert list(here.iterdir()) == []


def test_json_says_what_was_done(cli, here):
    result = cli("speak", TEXT, "-o", "a.wav", "--json", "--seed", "4")
    summary = json.loads(result.out)
    assert summary["file"] == "a.wav"
    assert summary["seconds"] == round(soundfile.info("a.wav").duration, 3)
    assert summary["seed"] == 4
    assert summary["device"] == "cpu"
    assert summary["reason"] == "CPU asked for"
    assert 0 < summary["first_audio_ms"] <= 1000 * summary["rtf"] * summary["seconds"] + 1
    assert set(summary["stages_s"]) == {"acoustic", "vocoder"}
    assert summary["warnings"] == []
    assert result.err == ""


def test_verbose_names_each_stage_and_why(cli, here):
    err = cli("speak", TEXT, "-o", "a.wav", "--verbose").err
    assert "acoustic  tiny on cpu: CPU asked for" in err
    assert "vocoder   vocos on cpu" in err
    assert "real-time factor" in err


def test_without_o_a_terminal_gets_speech_wav(cli, here, monkeypatch):
    monkeypatch.setattr(sys, "stdout", Terminal())
    result = cli("speak", TEXT)
    assert result.code == 0
    assert "wrote speech.wav" in result.err
    assert soundfile.info("speech.wav").frames > 0


def test_without_a_terminal_the_file_is_speech_wav(cli, here):
    result = cli("speak", TEXT)
    assert (result.code, result.stdout) == (0, b"")
    assert (here / "speech.wav").is_file()


def test_a_terminal_is_never_sent_audio(cli, loads, monkeypatch):
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert cli("speak", TEXT, "-o", "-").code == 2
    assert loads == []


def test_a_text_file_is_read(cli, here):
    (here / "book.txt").write_bytes("\ufeffHello there.\n\nAnd good night.".encode())
    assert cli("speak", "-f", "book.txt", "-o", "a.wav").code == 0
    spoken = len(tiny_tts(2).speak("Hello there.\n\nAnd good night.").samples)
    assert soundfile.info("a.wav").frames == spoken


@pytest.mark.parametrize("kind", ["srt", "vtt", "json"])
def test_subtitles_hold_every_word_in_time(cli, here, kind):
    result = cli("speak", TEXT, "-o", "a.wav", "--subtitles", f"a.{kind}", "--subtitles", "b.json")
    assert result.code == 0, result.err
    words = json.loads((here / "b.json").read_text(encoding="utf-8"))
    assert [w["word"] for w in words] == TEXT.split()
    times = [t for w in words for t in (w["start"], w["end"])]
    assert times == sorted(times)
    assert times[-1] <= soundfile.info("a.wav").duration
    written = (here / f"a.{kind}").read_text(encoding="utf-8")
    assert all(word in written for word in TEXT.split())


def test_warnings_are_told_and_counted(cli, here):
    result = cli("speak", "Hello яж there.", "-o", "a.wav", "--json")
    assert result.code == 0
    (warning,) = json.loads(result.out)["warnings"]
    assert "я" in warning
    assert f"warning: {warning}" in result.err


def test_a_long_text_streams(cli, here, monkeypatch):
    from vivavoce.audio.io import StreamWriter

    sizes = []
    write = StreamWriter.write
    targets = {}
    begin = StreamWriter.__init__

    def beginning(self, target, *rest, **more):
        targets[id(self)] = str(target)
        begin(self, target, *rest, **more)

    def writing(self, samples):
        if ".unfinished" not in targets[id(self)]:  # where the sentences are kept, for --resume
            sizes.append(len(samples))
        write(self, samples)

    monkeypatch.setattr(StreamWriter, "__init__", beginning)
    monkeypatch.setattr(StreamWriter, "write", writing)
    (here / "book.txt").write_text("A short sentence. " * 300, encoding="utf-8")
    assert cli("speak", "-f", "book.txt", "-o", "a.wav").code == 0
    assert len(sizes) >= 20
    assert sum(sizes) == soundfile.info("a.wav").frames
    assert max(sizes) < sum(sizes) / 10


REFUSED = {
    "empty text": (("speak", "", "-o", "a.wav"), 2, "empty"),
    "blank text": (("speak", "  \n", "-o", "a.wav"), 2, "whitespace"),
    "punctuation": (("speak", "... !? --", "-o", "a.wav"), 2, "punctuation"),
    "control characters": (("speak", "\x01\x02\x1b", "-o", "a.wav"), 2, "control characters"),
    "unknown extension": (("speak", TEXT, "-o", "a.wavv"), 2, "'wav'"),
    "no extension": (("speak", TEXT, "-o", "a"), 2, "format"),
    "unknown format": (("speak", TEXT, "-o", "-", "--format", "flak"), 2, "'flac'"),
    "unknown subtitles": (("speak", TEXT, "-o", "a.wav", "--subtitles", "a.str"), 2, "'srt'"),
    "absent folder": (("speak", TEXT, "-o", "absent/a.wav"), 1, "absent"),
    "a folder": (("speak", TEXT, "-o", "/"), 2, "format"),
    "absent text file": (("speak", "-f", "absent.txt", "-o", "a.wav"), 2, "absent.txt"),
    "no text": (("speak", "-o", "a.wav"), 2, "No text"),
    "option of its own": (("speak", TEXT, "-o", "a.wav", "--set", "seed=1"), 2, "--seed"),
    "no value": (("speak", TEXT, "-o", "a.wav", "--set", "noise_scale"), 2, "key.path=value"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_before_a_model_is_loaded(cli, here, loads, case):
    argv, code, hint = REFUSED[case]
    result = cli(*argv)
    assert (result.code, result.out) == (code, "")
    assert result.err.startswith("error: ")
    assert hint in result.err
    assert loads == []
    assert list(here.iterdir()) == []


REFUSED_LATER = {
    "another script": (("speak", "Всем привет.", "-o", "a.wav"), 2, "В"),
    "unknown voice": (("speak", TEXT, "-o", "a.wav", "-v", "speaker9"), 2, "speaker1"),
    "unknown option": (("speak", TEXT, "-o", "a.wav", "--set", "noise_scal=1"), 2, "--noise-scale"),
    "absurd speed": (("speak", TEXT, "-o", "a.wav", "--speed", "0"), 2, "speed"),
}


@pytest.mark.parametrize("case", REFUSED_LATER)
def test_refused_by_the_engine_leaves_nothing(cli, here, case):
    argv, code, hint = REFUSED_LATER[case]
    result = cli(*argv, "--subtitles", "a.srt")
    assert (result.code, result.out) == (code, "")
    assert hint in result.err
    assert list(here.iterdir()) == []


def test_a_full_disk_leaves_nothing(cli, here, monkeypatch):
    def full(self, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vivavoce.audio.sink.Sink._write_all", full)
    result = cli("speak", TEXT, "-o", "a.wav")
    assert result.code == 1
    assert "No space left" in result.err
    assert list(here.iterdir()) == []


def test_no_permission_is_told_before_loading(cli, here, loads, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    result = cli("speak", TEXT, "-o", "a.wav")
    assert result.code == 1
    assert "Permission denied" in result.err
    assert loads == []
