"""`vivavoce speak` and `voices` with a model of several languages that makes voices itself."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch

from tests.speechlike import speechlike
from tests.toy import Toy, toy_folder, toy_tts
from vivavoce.cli.speak import perform
from vivavoce.cli.writing import Writing
from vivavoce.hub import voice_file as files
from vivavoce.speech.engine import TTS
from vivavoce.types import AudioChunk

TEXT = "Guten Abend. Bis morgen."


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch, here):
    """A home of its own, and two recordings in the working directory."""
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path / "home"))
    for name, level in (("a.wav", 0.1), ("b.wav", 0.05)):
        samples = speechlike(2.0, level=level).samples
        soundfile.write(name, samples, 24000, subtype="FLOAT")
    return tmp_path / "home"


@pytest.fixture
def speak(cli, toy):
    def run(*argv, output="out.wav"):
        return cli("speak", TEXT, "-m", toy, "--device", "cpu", "-o", output, *argv)

    return run


@pytest.mark.parametrize("language", ["de", "auto"])
def test_a_language_to_speak_in_needs_no_recording(speak, language):
    for who in ((), ("-v", "Bob Ray"), ("--ref", "a.wav")):
        result = speak("--language", language, *who)
        assert result.code == 0, result.err
        assert Toy.asked.language == language
    assert speak().code == 0
    assert Toy.asked.language == ""


@pytest.mark.parametrize(("language", "told"), [("de", "de"), ("auto", ""), (None, "en")])
def test_the_language_of_a_recording(speak, monkeypatch, language, told):
    seen = []
    make = Toy.make_voice
    monkeypatch.setattr(
        Toy, "make_voice", lambda self, *what: (seen.append(what[3]), make(self, *what))[1]
    )
    extra = ("--language", language) if language else ()
    assert speak("--ref", "a.wav", *extra).code == 0
    assert seen == [told]


def test_several_recordings_are_one_voice(speak, here):
    result = speak("--ref", "a.wav", "--ref", "b.wav", "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)["voice"] == "a.wav, b.wav"
    tts = toy_tts()
    wanted = tts.speak(TEXT, tts.voice(["a.wav", "b.wav"]))
    assert np.abs(soundfile.read("out.wav")[0] - wanted.samples).max() <= 1 / 32767


def test_one_bad_recording_of_several_leaves_nothing(speak, here):
    result = speak("--ref", "a.wav", "--ref", "absent.wav")
    assert result.code == 1
    assert "absent.wav" in result.err
    assert not (here / "out.wav").exists()


def test_sampling_options_reach_the_model(speak):
    options = ("--temperature=0.2", "--top-p=0.9", "--top-k=40", "--repetition-penalty=3")
    assert speak(*options).code == 0
    asked = Toy.asked
    assert (asked.temperature, asked.top_p, asked.top_k) == (0.2, 0.9, 40)
    assert asked.repetition_penalty == 3.0


def test_what_it_has_is_said_as_it_is_typed(speak):
    result = speak("--steps", "3")
    assert result.code == 2
    assert "'toy' has no --steps. It has: --speed, --noise-scale, --language" in result.err
    assert result.err.endswith("--temperature, --top-p, --top-k, --repetition-penalty.\n")
    assert "has no --set temprature" in speak("--set", "temprature=1").err


@pytest.mark.parametrize("name", ["Ana Señora", "ana senora", "ANA  SEÑORA"])
def test_a_speaker_however_it_is_spelt(speak, name):
    assert speak("-v", name).code == 0
    wanted = toy_tts().speak(TEXT, "Ana Señora").samples
    assert len(soundfile.read("out.wav")[0]) == len(wanted)


def test_a_name_of_nobody_names_near_ones(speak, here):
    result = speak("-v", "Anna Senora")
    assert result.code == 2
    assert "'Ana Señora'" in result.err
    assert not (here / "out.wav").exists()


def test_speakers_in_tags(cli, toy):
    text = "[Bob Ray] Hello. [Ana Señora] Yes. [not one] So."
    done = cli("speak", text, "-m", toy, "--device", "cpu", "-o", "out.wav", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["voice"] == ["Ana Señora", "Bob Ray"]


@pytest.mark.parametrize("asked", [True, False])
def test_a_stream_is_asked_for(speak, monkeypatch, asked):
    seen = []
    stream = TTS.stream

    def early_or_not(self, *what, early, **how):
        seen.append(early)
        return stream(self, *what, **how)

    monkeypatch.setattr(TTS, "stream", early_or_not)
    result = speak(*(("--stream",) if asked else ()), output="-")
    assert result.code == 0, result.err
    assert len(soundfile.read(io.BytesIO(result.stdout))[0]) > 0
    assert seen == [asked]


def test_a_piece_is_in_the_pipe_before_the_next_is_made(monkeypatch):
    reader, writer = os.pipe()
    arrived = []

    def stream(text, voice, **how):
        for number in range(3):
            yield AudioChunk(np.full(100, 0.5, np.float32), 24000, number / 240, 0, 1)
            arrived.append(len(os.read(reader, 4096)))

    place = SimpleNamespace(device=torch.device("cpu"), name="cpu", reason="")
    tts = SimpleNamespace(
        stream=stream, sample_rate=24000, name="x", selection=place, vocoder_selection=place
    )
    with os.fdopen(reader, "rb"), os.fdopen(writer, "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        perform(tts, TEXT, None, Writing(), [], {})
        monkeypatch.undo()
    assert arrived == [44 + 200, 200, 200]


def test_a_voice_is_made_kept_and_spoken_with(cli, toy, home, speak):
    made = cli("voices", "add", "me", "a.wav", "b.wav", "-m", toy, "--language", "de", "--json")
    assert made.code == 0, made.err
    facts = json.loads(made.out)
    assert (facts["family"], facts["language"], facts["recordings"]) == ("toy", "de", 2)
    assert json.loads(cli("voices", "show", "me", "--json").out) == facts
    voice = files.load(Path(facts["path"]))
    direct = toy_tts().voice(["a.wav", "b.wav"])
    for key, value in voice.tensors.items():
        assert torch.equal(value, direct.tensors[key])
    assert speak("-v", "ME").code == 0


BAD = {
    "a bad file": (("a.wav", "absent.wav"), 1, "absent.wav"),
    "too short": (("a.wav", "short.wav"), 1, "too short"),
    "seconds of several": (("a.wav", "b.wav", "--end", "1"), 2, "several are given"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_voice_that_cannot_be_made_leaves_nothing(cli, toy, home, case):
    soundfile.write("short.wav", speechlike(0.2).samples, 24000)
    argv, code, hint = BAD[case]
    result = cli("voices", "add", "me", "-m", toy, *argv)
    assert (result.code, result.out) == (code, "")
    assert hint in result.err
    assert not home.exists()


def test_a_family_that_hears_one_recording_refuses_two(cli, home):
    result = cli("voices", "add", "me", "a.wav", "b.wav", "--transcript", "Some words were said.")
    assert result.code == 1
    assert "There are 2 recordings" in result.err
    assert not home.exists()


def test_many_speakers_stay_readable(cli, toy, home, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    names = [f"Speaker {n:02}" for n in range(58)]
    toy_folder(home / "models", names)
    rows = json.loads(cli("voices", "list", "--json").out)
    assert [row["name"] for row in rows if row["model"] == "toy"] == names
    assert {row["language"] for row in rows if row["model"] == "toy"} == {"en, de"}
    lines = cli("voices", "list").out.splitlines()
    assert any(line.split()[:3] == ["(58", "speakers)", "toy"] for line in lines)
    start = lines.index("Speakers of toy (en, de):")
    assert lines[start + 1].split("  ")[1:] == [
        "Speaker 00",
        "Speaker 01",
        "Speaker 02",
        "Speaker 03",
    ]
    assert " ".join(" ".join(lines[start:]).split()).endswith("Speaker 56 Speaker 57")
    assert max(len(line) for line in lines[start:]) <= 60
    assert len(lines) < 45
    assert json.loads(cli("voices", "show", "speaker 07", "--json").out)["name"] == "Speaker 07"
