"""XTTS on the command line, from upstream's files to speech: every promise, and bad input."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from tests.models.xtts.speaking import CODES, write_speaking
from tests.speechlike import speechlike
from tests.tiny import tiny_voice
from vivavoce.audio import io as audio_io
from vivavoce.hub import library
from vivavoce.hub import voice_file as files
from vivavoce.models.xtts.model import Xtts
from vivavoce.nn.gpt_decode import GptDecoder
from vivavoce.runtime.kernels import choose_kernel
from vivavoce.speech.rendering import Rendering
from vivavoce.text.multilingual import LANGUAGES, detect
from vivavoce.text.split import SENTENCE_PAUSE_S

CODES_S = (CODES + 1) * 1024 / 22050
SECONDS = CODES_S + SENTENCE_PAUSE_S
SHORT = ("--set", "max_codes=8")


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    """A folder of the release's files."""
    return write_speaking(tmp_path_factory.mktemp("official") / "XTTS-Release")


@pytest.fixture(scope="module")
def stored(official, tmp_path_factory):
    """A home in which it was imported, by the name that the catalogue has for it."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIVAVOCE_HOME", str(home))
        library.import_checkpoint(official, "xtts", name="xtts-v2")
    choose_kernel(home)  # measured once
    return home


@pytest.fixture(autouse=True)
def home(stored, tmp_path, monkeypatch, here):
    """A home of its own with the same model in it, and two recordings in the working directory."""
    home = tmp_path / "home"
    (home / "models").mkdir(parents=True)
    for name in ("models/xtts-v2", "kernels.json"):
        (home / name).symlink_to(stored / name)
    monkeypatch.setenv("VIVAVOCE_HOME", str(home))
    for name, seed in (("me.wav", 0), ("you.wav", 1)):
        record(name, speechlike(3.0, seed=seed).samples)
    return home


def record(name, samples, rate=24000):
    soundfile.write(name, samples, rate, subtype="FLOAT")


@pytest.fixture
def speak(cli):
    def run(*argv, output="out.wav", **how):
        return cli("speak", "-m", "xtts-v2", "--device", "cpu", "-o", output, *argv, **how)

    return run


def heard(source: Any = "out.wav"):
    return soundfile.read(source, dtype="float32")[0]


def test_a_recording_speaks_another_language(speak):
    result = speak("Guten Abend.", "--ref", "me.wav", "--language", "de", "--json")
    assert result.code == 0, result.err
    facts = json.loads(result.out)
    assert (facts["voice"], facts["model"], facts["warnings"]) == ("me.wav", "xtts-v2", [])
    assert facts["seconds"] == pytest.approx(SECONDS, abs=0.05)
    first = heard()
    assert speak("Guten Abend.", "--ref", "me.wav", "--language", "en").code == 0
    assert not np.array_equal(heard()[: len(first)], first[: len(heard())])


@pytest.fixture
def quiet_ends(monkeypatch):
    """Every utterance begins and ends in silence, as speech does, however it is cut."""
    heard, n, places = Rendering.heard, round(CODES_S * 24000), {}
    edge = np.minimum(np.arange(n), np.arange(n)[::-1]) / 6000
    outline = (np.minimum(1, edge) ** 4).astype(np.float32)

    def shaped(self, samples):
        place = places.get(self, 0)
        places[self] = place + len(samples)
        return heard(self, samples * outline[place : place + len(samples)])

    monkeypatch.setattr(Rendering, "heard", shaped)


@pytest.mark.usefixtures("quiet_ends")
@pytest.mark.parametrize("text", ["Hello.", "Hello.\n\nAll of you.\n\nGood night."])
def test_a_stream_is_what_is_written_at_once(speak, monkeypatch, text):
    said = (text, "-v", "claribel dervla", "--language", "en", "--seed", "3")
    assert speak(*said).code == 0
    pieces = []
    write = audio_io.StreamWriter.write
    monkeypatch.setattr(
        audio_io.StreamWriter, "write", lambda self, x: (pieces.append(len(x)), write(self, x))[1]
    )
    result = speak(*said, "--stream", output="-")
    assert result.code == 0, result.err
    assert len(pieces) > 2
    assert np.abs(heard(io.BytesIO(result.stdout)) - heard()).max() <= 1.01 / 32767


def test_the_files_are_imported_as_they_are(cli, official):
    before = {file.name: file.stat().st_mtime_ns for file in official.iterdir()}
    result = cli("models", "import", official, "--as", "xtts", "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)["name"] == "XTTS-Release"
    assert before == {file.name: file.stat().st_mtime_ns for file in official.iterdir()}
    shown = json.loads(cli("models", "show", "XTTS-Release", "--json").out)
    assert (shown["family"], shown["languages"]) == ("xtts", list(LANGUAGES))
    assert "CPML" in json.loads(cli("models", "show", "xtts-v2", "--json").out)["licence"]
    row = next(row for row in library.installed() if row.name == "XTTS-Release")
    assert row.speakers[0] == "Claribel Dervla"


def test_studio_speakers_are_optional(cli, official, tmp_path):
    folder = shutil.copytree(official, tmp_path / "alone")
    (folder / "speakers_xtts.pth").unlink()
    said = ("Hello.", "-m", folder, "--device", "cpu", "-o", "out.wav", "--language", "en", *SHORT)
    assert cli("speak", *said, "--ref", "me.wav").code == 0
    result = cli("speak", *said)
    assert (result.code, "needs a voice" in result.err) == (2, True)


@pytest.mark.parametrize("name", ["config.json", "vocab.json", "model.pth"])
@pytest.mark.parametrize("command", ["import", "speak"])
def test_what_is_missing_of_the_set_is_named(cli, official, tmp_path, here, home, name, command):
    folder = shutil.copytree(official, tmp_path / "part")
    (folder / name).unlink()
    if command == "import":
        result = cli("models", "import", folder, "--as", "xtts")
    else:
        result = cli("speak", "Hello.", "-m", folder, "-o", "out.wav")
    assert result.code == 1
    assert ("checkpoint" if name == "model.pth" else name) in result.err
    assert not (here / "out.wav").exists()
    assert [file.name for file in (home / "models").iterdir()] == ["xtts-v2"]


class Evil:
    def __init__(self, place):
        self.place = place

    def __reduce__(self):
        return os.system, (f"touch {self.place}",)


def test_a_pickle_that_wants_to_run_does_not(cli, official, tmp_path, home):
    folder = shutil.copytree(official, tmp_path / "evil")
    torch.save({"model": Evil(tmp_path / "ran")}, folder / "model.pth")
    result = cli("models", "import", folder, "--as", "xtts")
    assert (result.code, "Nothing was run" in result.err) == (1, True)
    assert not (tmp_path / "ran").exists()
    assert [file.name for file in (home / "models").iterdir()] == ["xtts-v2"]


def test_a_vocabulary_of_another_size(cli, official, tmp_path, home):
    folder = shutil.copytree(official, tmp_path / "other")
    text = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    text["model"]["vocab"]["more"] = max(text["model"]["vocab"].values()) + 1
    (folder / "vocab.json").write_text(json.dumps(text), encoding="utf-8")
    result = cli("models", "import", folder, "--as", "xtts")
    assert result.code == 1
    assert "vocab.json has" in result.err
    assert "belongs to this checkpoint" in result.err


LONG = "It goes on, and on, and on, and on for a while, as nobody had thought it would be."
QUIET, LOUD = np.zeros(72000, np.float32), speechlike(0.1).samples
REFUSED = {
    "unknown language": (("Hello.", "--language", "xx"), 2, ", ".join(LANGUAGES)),
    "empty": (("", "--language", "en"), 2, "text is empty"),
    "nothing to say": (("...", "--language", "en"), 2, "only punctuation"),
    "another script": (("你好", "--language", "en"), 2, "knows none of the characters"),
    "nobody": (("Hello.", "-v", "Claribel Derby"), 2, "Claribel Dervla"),
    "too hot": (("Hello.", "--temperature", "9"), 2, "from 0 to 5"),
    "no probability": (("Hello.", "--top-p", "0"), 2, "from 0.01 to 1"),
    "too fast": (("Hello.", "--speed", "100"), 2, "from 0.2 to 5"),
    "steps": (("Hello.", "--steps", "7"), 2, "has no --steps"),
    "a precision": (("Hello.", "--precision", "int4"), 2, "int8"),
    "float16 on a CPU": (("Hello.", "--precision", "float16"), 2, "float32 or bfloat16"),
    "too short": (("Hello.", "--ref", "short.wav"), 1, "1 s is the least"),
    "silent": (("Hello.", "--ref", "quiet.wav"), 1, "is silent"),
    "one of two": (("Hello.", "--ref", "me.wav", "--ref", "quiet.wav"), 1, "Recording 2 is silent"),
    "a voice of F5": (("Hello.", "-v", "f5.safetensors"), 1, "made for f5 models"),
    "subtitles": (("Hello.", "--subtitles", "a.srt"), 2, "--subtitles is unavailable"),
    "not speech": ((LONG, "--language", "en"), 1, "the text is probably truncated"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_leaves_what_was_there(speak, here, case):
    record("short.wav", LOUD)
    record("quiet.wav", QUIET)
    files.save(here / "f5.safetensors", tiny_voice())
    (here / "out.wav").write_text("before")
    argv, code, hint = REFUSED[case]
    result = speak(*argv)
    assert (result.code, hint in result.err) == (code, True), result.err
    assert "bug" not in result.err
    assert (here / "out.wav").read_text() == "before"
    assert not list(here.glob("*.tmp*")) + list(here.glob(".*"))


def test_a_language_to_be_found_out_needs_an_extra(speak, here, monkeypatch):
    monkeypatch.setitem(sys.modules, "lingua", None)
    detect._detector.cache_clear()
    result = speak("Hello.", "--language", "auto")
    assert (result.code, "vivavoce[auto]" in result.err) == (2, True), result.err
    assert not (here / "out.wav").exists()


def test_a_voice_of_xtts_is_not_one_of_f5(cli, clones, here):
    made = cli("voices", "add", "me", "me.wav", "-m", "xtts-v2")
    assert made.code == 0, made.err
    result = cli("speak", "Hello.", "-m", clones, "-v", "me", "-o", "out.wav")
    assert (result.code, "made for xtts models" in result.err) == (1, True), result.err


def test_a_voice_of_two_recordings_is_kept(cli, speak, home):
    made = cli(
        *("voices", "add", "us", "me.wav", "you.wav", "-m", "xtts-v2", "--language", "de"),
        "--json",
    )
    assert made.code == 0, made.err
    facts = json.loads(made.out)
    assert (facts["latents"], facts["language"]) == (32, "de")
    assert facts["heard_s"] == pytest.approx(6.0, abs=0.2)
    names = [row["name"] for row in json.loads(cli("voices", "list", "--json").out)]
    assert {"us", "Claribel Dervla"} <= set(names)
    assert speak("Guten Abend.", "-v", "us", *SHORT).code == 0
    kept = heard()
    again = ("--ref", "me.wav", "--ref", "you.wav", "--language", "de")
    assert speak("Guten Abend.", *again, *SHORT).code == 0
    assert np.array_equal(heard(), kept)


def test_a_text_changes_its_language_with_the_voice(cli, speak, monkeypatch):
    for name, language in (("ada", "de"), ("bob", "fr")):
        made = cli("voices", "add", name, "me.wav", "-m", "xtts-v2", "--language", language)
        assert made.code == 0, made.err
    seen = []
    tokenise = Xtts.tokenise

    def told(self, text, voice, options):
        seen.append((text, self._language(text, voice, options)))
        return tokenise(self, text, voice, options)

    monkeypatch.setattr(Xtts, "tokenise", told)
    said = "[ada] Guten Abend. [bob] Bonsoir. [Damien Black] Hello."
    assert speak(said).code == 0
    assert seen == [("Guten Abend.", "de"), ("Bonsoir.", "fr"), ("Hello.", "en")]
    seen.clear()
    assert speak(said, "--language", "it").code == 0
    assert {language for _, language in seen} == {"it"}


def test_ten_minutes_of_recording_are_heard_for_thirty_seconds(cli):
    record("long.wav", np.tile(speechlike(10.0, 8000).samples, 60), 8000)
    made = cli("voices", "add", "long", "long.wav", "-m", "xtts-v2", "--json")
    assert made.code == 0, made.err
    assert json.loads(made.out)["heard_s"] <= 30


def test_a_text_without_punctuation_is_cut_not_cropped(speak, here):
    words = " ".join(f"word{'abcdefghij'[n % 10]}" for n in range(1700))[:10_000]
    (here / "long.txt").write_text(words, encoding="utf-8")
    how = ("--language", "en", "--set", "max_codes=2", "--on-problem", "warn")
    result = speak("-f", "long.txt", *how, "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)["seconds"] > 10_000 / 250 * 2 / 25


@pytest.mark.parametrize("how", [("--precision", "int8"), ("--precision", "bfloat16"), ("--fast",)])
def test_lower_precision_speaks(speak, how):
    result = speak("Hello.", "--language", "en", *how, "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)["seconds"] == pytest.approx(SECONDS, abs=0.05)


def test_int8_is_for_models_that_measured_it(cli, here):
    result = cli("speak", "Hello.", "--precision", "int8", "-o", "out.wav")
    assert (result.code, "int8 weights" in result.err) == (2, True), result.err
    assert not (here / "out.wav").exists()


def test_speed_and_a_cast(speak, here):
    assert speak("Hello.", "--language", "en", "--speed", "2").code == 0
    assert len(heard()) / 24000 == pytest.approx(CODES_S / 2 + SENTENCE_PAUSE_S, abs=0.05)
    (here / "cast.toml").write_text(
        'ref_audio = "me.wav"\nref_text = ""\n[voices.town]\nref_audio = "you.wav"\nref_text = ""\n'
    )
    said = ("Hello. [town] Hi. [Damien Black] Yes.", "--cast", "cast.toml", "--language", "en")
    result = speak(*said, *SHORT, "--json")
    assert result.code == 0, result.err
    assert "town" in json.loads(result.out)["voice"]


@pytest.mark.parametrize("stream", [(), ("--stream",)])
def test_interrupted_nothing_is_left(speak, here, monkeypatch, stream):
    step = GptDecoder.step

    def interrupted(self):
        step(self)
        if self.sequences and len(self.sequences[0].codes) > 8:
            raise KeyboardInterrupt

    monkeypatch.setattr(GptDecoder, "step", interrupted)
    (here / "out.wav").write_text("before")
    assert speak("Hello.", "--language", "en", *stream).code == 130
    assert (here / "out.wav").read_text() == "before"
    assert {file.name for file in here.iterdir()} == {"out.wav", "me.wav", "you.wav"}


@pytest.mark.parametrize("family", ["f5", "glow", "hifigan"])
def test_it_is_imported_as_nothing_else(cli, official, family):
    result = cli("models", "import", official, "--as", family)
    assert (result.code, "--as xtts" in result.err) == (1, True), result.err
