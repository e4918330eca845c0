"""`vivavoce speak` with a model that clones: voices, casts, options, bad input."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile

from tests.speechlike import speechlike
from tests.tiny import F5_WORDS, tiny_f5, tiny_f5_folders, tiny_tts, tiny_voice
from vivavoce.hub import voice_file as files

TEXT = "Hello there. It is 7:30 pm."
EXACT = ("--device", "cpu", "--precision", "float32")  # some CPUs prefer bfloat16
REF = ("--ref", "ref.wav", "--transcript", F5_WORDS)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch, here):
    """A home of its own, and `ref.wav` in the working directory."""
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path / "home"))
    soundfile.write("ref.wav", speechlike(3.0, level=0.1).samples, 24000, subtype="FLOAT")


@pytest.fixture
def speak(cli, clones):
    def run(*argv, model=clones):
        return cli("speak", "-m", model, *EXACT, "-o", "a.wav", *argv)

    return run


def heard(path="a.wav"):
    return soundfile.read(path, dtype="float32")[0]


def close(samples):
    """To what a file of 16 bits holds."""
    found = heard()
    return found.shape == samples.shape and np.abs(found - samples).max() <= 1 / 32767


def test_a_recording_speaks(speak):
    result = speak(TEXT, *REF, "--seed", "4", "--json")
    assert result.code == 0, result.err
    summary = json.loads(result.out)
    assert (summary["voice"], summary["seed"], summary["warnings"]) == ("ref.wav", 4, [])
    assert close(tiny_f5().speak(TEXT, tiny_voice(), seed=4).samples)


def test_a_saved_voice_and_a_voice_file_are_the_same(speak, here, cli):
    added = cli("voices", "add", "me", "ref.wav", "--transcript", F5_WORDS)
    assert added.code == 0, added.err
    assert speak(TEXT, "-v", "me").code == 0
    first = heard()
    assert speak(TEXT, "-v", added.out.strip()).code == 0
    assert np.array_equal(first, heard())
    assert speak(TEXT, *REF).code == 0
    assert np.array_equal(first, heard())


def test_a_transcript_from_a_file(speak, here):
    (here / "words.txt").write_text(F5_WORDS + "\n", encoding="utf-8")
    assert speak(TEXT, "--ref", "ref.wav", "--transcript-file", "words.txt").code == 0
    assert close(tiny_f5().speak(TEXT, tiny_voice()).samples)


def test_a_transcript_that_is_asked_for(speak, monkeypatch):
    monkeypatch.setattr(
        "vivavoce.speech.transcribe.default_transcriber", lambda: lambda audio, code: F5_WORDS
    )
    result = speak(TEXT, "--ref", "ref.wav", "--transcribe")
    assert result.code == 0, result.err
    assert F5_WORDS in result.err
    assert close(tiny_f5().speak(TEXT, tiny_voice()).samples)


def test_options_reach_the_model(speak):
    speech = tiny_f5().speak(
        TEXT, tiny_voice(), steps=3, guidance=0.5, normalise=False, duration_s=1.5, sway=0.0
    )
    options = ("--steps", "3", "--guidance", "0.5", "--no-normalise", "--duration", "1.5")
    assert speak(TEXT, *REF, *options, "--set", "sway=0.0").code == 0
    assert close(speech.samples)
    assert speak(TEXT, *REF, "--set", "steps=3").code == 0
    assert not close(speech.samples)


def test_unknown_characters_are_told(speak):
    result = speak("Hello жя there.", *REF, "--json")
    assert result.code == 0
    (warning,) = json.loads(result.out)["warnings"]
    assert "ж" in warning
    assert "я" in warning
    assert f"warning: {warning}" in result.err


def test_steps_are_shown(speak, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "vivavoce.cli.terminal.Progress.__call__", lambda self, *what: seen.append(what)
    )
    assert speak(TEXT, *REF).code == 0
    assert (0, len(TEXT), "step 2/2") in seen
    assert seen[-1] == (len(TEXT), len(TEXT))


def test_saved_voices_in_a_text(speak, tmp_path):
    for name, seed in (("me", 0), ("you", 1)):
        files.save(files.path_of(name), tiny_voice(name, seed))
    text = "[you] Hello [there]. [me] Hi."
    result = speak(text, "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)["voice"] == ["me", "you"]
    cast = {"you": tiny_voice("you", 1), "me": tiny_voice()}
    assert close(tiny_f5().speak(text, cast).samples)
    text = "Hello. [you] Hi. [main] Yes."
    assert speak(text, *REF).code == 0
    assert close(tiny_f5().speak(text, {**cast, "main": tiny_voice()}).samples)
    result = speak("Hello. [you] Hi.")
    assert result.code == 2
    assert "needs a voice" in result.err


STORY = f"""
output_dir = "tests"
ref_audio = "ref.wav"
ref_text = "{F5_WORDS}"
gen_file = "story.txt"
nfe_step = 3
[voices.town]
ref_audio = "town.wav"
ref_text = "{F5_WORDS}"
speed = 0.8
[voices.never]
ref_audio = "absent.wav"
"""


@pytest.fixture
def story(here):
    soundfile.write("town.wav", speechlike(3.0, level=0.1, seed=1).samples, 24000, subtype="FLOAT")
    (here / "story.toml").write_text(STORY, encoding="utf-8")
    (here / "story.txt").write_text("Once. [town] So it was. [x] [main] Yes.", encoding="utf-8")


def test_a_cast_file_speaks(speak, story):
    result = speak("--cast", "story.toml")
    assert result.code == 0, result.err
    assert "ignored keys in story.toml: output_dir" in result.err
    from vivavoce.speech.cast import Role

    cast = {"main": tiny_voice(), "town": Role(tiny_voice("town", 1), 0.8)}
    text = "Once. [town] So it was. [x] [main] Yes."
    assert close(tiny_f5().speak(text, cast, steps=3).samples)
    assert speak("[town] Other words.", "--cast", "story.toml", "--steps", "2").code == 0
    assert close(tiny_f5().speak("[town] Other words.", cast).samples)
    assert speak("[never] Hello.", "--cast", "story.toml").code == 1


SPOILT = {"NaN": {"broken": True}, "silence": {"louder": -20.0}}


@pytest.mark.parametrize("case", SPOILT)
def test_what_is_no_speech_is_an_error_and_no_file(speak, here, case):
    folder, _ = tiny_f5_folders(here / "spoilt", **SPOILT[case])
    before = sorted(here.iterdir())
    result = speak(TEXT, *REF, model=str(folder))
    assert result.code == 1
    assert case in result.err
    assert sorted(here.iterdir()) == before


def test_silence_is_kept_with_a_warning_if_so_chosen(speak, here):
    folder, _ = tiny_f5_folders(here / "spoilt", **SPOILT["silence"])
    result = speak(TEXT, *REF, "--on-problem", "warn", "--json", model=str(folder))
    assert result.code == 0, result.err
    warnings = json.loads(result.out)["warnings"]
    assert len(warnings) >= 1
    assert all("silence" in w and f"warning: {w}" in result.err for w in warnings)
    assert len(heard()) > 24000


BAD = {
    "two voices": (("-v", "me", *REF), 2, "--ref"),
    "a transcript of nothing": (("--transcript", "Words."), 2, "--ref"),
    "a file of it": (("--transcript-file", "ref.wav"), 2, "--ref"),
    "two transcripts": ((*REF, "--transcribe"), 2, "--transcribe"),
    "an asked transcript of nothing": (("--transcribe", "-v", "me"), 2, "--transcribe"),
    "no such recording": (("--ref", "absent.wav", "--transcript", "Words."), 1, "absent.wav"),
    "no such cast": (("--cast", "absent.toml"), 2, "absent.toml"),
    "standard input twice": (("--ref", "ref.wav", "--transcript", "-"), 2, "standard input"),
}


@pytest.mark.parametrize("case", BAD)
def test_refused_before_a_model_is_loaded(speak, here, loads, case):
    argv, code, hint = BAD[case]
    result = speak("-" if "twice" in case else TEXT, *argv)
    assert (result.code, result.out) == (code, "")
    assert result.err.startswith("error: ")
    assert hint in result.err
    assert loads == []
    assert not (here / "a.wav").exists()


LATER = {
    "a language of nothing": (("--language", "de"), 2, "--language needs a rec"),
    "a recording as a voice": (("-v", "ref.wav"), 2, "is a recording, not a voice"),
    "several recordings": ((*REF, "--ref", "ref.wav"), 1, "There are 2 recordings"),
    "no voice": ((), 2, "voices add"),
    "no such voice": (("-v", "absent"), 2, "absent"),
    "no transcript": (("--ref", "ref.wav"), 1, "--transcribe"),
    "far too many words": (("--ref", "ref.wav", "--transcript", F5_WORDS * 9), 1, "a second"),
    "subtitles": ((*REF, "--subtitles", "a.srt"), 2, "subtitles"),
    "unknown option": ((*REF, "--set", "stepz=1"), 2, "steps"),
    "too many steps": ((*REF, "--steps", "5000"), 2, "steps"),
    "unknown answer": ((*REF, "--on-problem", "wrn"), 2, "'warn'"),
}


@pytest.mark.parametrize("case", LATER)
def test_refused_by_the_engine_leaves_nothing(speak, here, case):
    argv, code, hint = LATER[case]
    result = speak(TEXT, *argv)
    assert (result.code, result.out) == (code, ""), result.err
    assert hint in result.err
    assert [p.name for p in here.iterdir()] == ["ref.wav"]


@pytest.mark.parametrize("text", ["", "🙂 🎉", " \n", "... !?"])
def test_nothing_to_speak(speak, text):
    result = speak(text, *REF)
    assert result.code == 2
    assert "Give at least one word" in result.err or "nothing to pronounce" in result.err


LACKING = (
    "--pitch=2",
    "--steps=3",
    "--guidance=1",
    "--duration=2",
    "--temperature=1",
    "--top-p=1",
    "--top-k=1",
)


@pytest.mark.parametrize("option", [*LACKING, "--repetition-penalty=2", "--no-normalise"])
def test_a_model_without_an_option_says_what_it_has(cli, here, loads, option):
    result = cli("speak", TEXT, "-o", "a.wav", option)
    name = option.partition("=")[0]
    wanted = f"error: 'tiny' has no {name}. It has: --speed, --noise-scale.\n"
    assert (result.code, result.err) == (2, wanted)


def test_a_model_with_speakers_takes_tags_and_no_recordings(cli, here, loads):
    assert cli("speak", "[speaker1] Hello. [x] So.", "-o", "a.wav").code == 0
    text = "[speaker1] Hello. [x] So."
    assert len(heard()) == len(tiny_tts(2).speak(text, {"speaker1": "speaker1"}).samples)
    assert cli("speak", TEXT, "-o", "b.wav", *REF).code == 1


@pytest.mark.parametrize("form", ["stereo", "48k", "8 bit", "11k"])
def test_recordings_of_any_form(speak, form):
    rate = {"48k": 48000, "11k": 11025}.get(form, 24000)
    samples = speechlike(3.0, rate, level=0.1).samples
    if form == "stereo":
        samples = np.stack([samples, samples], axis=1)
    soundfile.write("ref.wav", samples, rate, subtype="PCM_U8" if form == "8 bit" else "PCM_16")
    result = speak(TEXT, *REF)
    assert result.code == 0, result.err
    expected = tiny_f5().speak(TEXT, tiny_voice()).duration_s
    assert len(heard()) / 24000 == pytest.approx(expected, abs=0.1)


BAD_RECORDINGS = {
    "empty": (np.zeros(0, np.float32), "no samples"),
    "silent": (np.zeros(72000, np.float32), "silent"),
    "a blip": (speechlike(0.3, level=0.1).samples, "least"),
    "a minute": (speechlike(60.0, level=0.1).samples, "60.0 s"),
    "NaN": (np.full(72000, np.nan, np.float32), "NaN"),
}


@pytest.mark.parametrize("case", BAD_RECORDINGS)
def test_recordings_that_make_no_voice(speak, here, case):
    samples, hint = BAD_RECORDINGS[case]
    soundfile.write("ref.wav", samples, 24000, subtype="FLOAT")
    result = speak(TEXT, *REF)
    assert result.code == 1
    assert hint in result.err
    assert not (here / "a.wav").exists()


def test_a_file_that_is_no_recording(speak, here):
    (here / "ref.wav").write_bytes(b"RIFF\x00\x00")
    assert speak(TEXT, *REF).code == 1


def test_a_hundred_thousand_characters_begin_at_once():
    tts, voice = tiny_f5(), tiny_voice()
    text = "A sentence of the book, one of very many. " * 2400
    assert len(text) > 100_000
    cut = []
    chunks = tts.model.chunks
    tts.model.chunks = lambda *a: (cut.append(c) or c for c in chunks(*a))
    first = next(iter(tts.stream(text, voice)))
    assert 0 < first.end < 500
    assert len(cut) <= 3  # the utterance, the one that ends its pause, and one being cut


def test_the_language_of_a_saved_voice(speak, cli):
    assert cli("voices", "add", "me", *REF[1:]).code == 0
    assert speak(TEXT, "-v", "me", "--language", "en-GB").code == 0
    other = speak(TEXT, "-v", "me", "--language", "de")
    assert (other.code, other.err.split(". ")[0]) == (2, "error: me speaks en")


def test_the_language_of_the_bundled_voice(cli, here):
    said = ("speak", "Hi.", "-o", "a.wav", "--device", "cpu", "--language")
    assert cli(*said, "en").code == 0
    other = cli(*said, "de")
    assert (other.code, other.err.split(". ")[0]) == (2, "error: linnet speaks en")


def test_a_voice_of_a_cast_without_words_is_named_with_its_key(speak, here):
    (here / "cast.toml").write_text('[voices.town]\nref_audio = "ref.wav"\n')
    result = speak("[town] Hello.", "--cast", "cast.toml")
    assert result.code == 1
    assert "Voice 'town' of the cast" in result.err
    assert "voices.town.ref_text" in result.err
