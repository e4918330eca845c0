"""`vivavoce voices …`, with voices of one's own made from files written here."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile

from tests.speechlike import speechlike
from vivavoce.errors import MissingExtra

WORDS = "Some words that were said in the clip."


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch, here):
    """A home of its own, and `ref.wav`, in stereo at 48 kHz, in the working directory."""
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path / "home"))
    samples = speechlike(3.0, 48000, level=0.05).samples
    soundfile.write("ref.wav", np.stack([samples, samples], axis=1), 48000)
    return tmp_path / "home"


def test_a_voice_from_its_making_to_its_end(cli, home):
    made = cli("voices", "add", "me", "ref.wav", "--transcript", WORDS, "--licence", "CC0-1.0")
    path = home / "voices" / "me.safetensors"
    assert (made.code, made.out) == (0, f"{path}\n")
    listed = {row["name"]: row for row in json.loads(cli("voices", "list", "--json").out)}
    assert listed["me"]["family"] == "f5"
    assert listed["kathleen"]["model"] == "kathleen"
    assert "CC0-1.0" in cli("voices", "list").out
    shown = json.loads(cli("voices", "show", "me", "--json").out)
    assert shown["transcript"] == WORDS
    assert shown["duration_s"] == 3.05
    assert WORDS in cli("voices", "show", "me").out
    assert cli("voices", "remove", "me").err == "removed me\n"
    assert not path.exists()
    assert cli("voices", "remove", "me").code == 2
    assert cli("voices", "show", "me").code == 2


def test_json_of_what_was_made(cli):
    made = cli("voices", "add", "me", "ref.wav", "--transcript", WORDS, "--json", "--end", "2")
    facts = json.loads(made.out)
    assert (facts["name"], facts["duration_s"]) == ("me", 2.05)


def test_replace(cli):
    arguments = ("voices", "add", "me", "ref.wav", "--transcript", WORDS)
    assert cli(*arguments).code == 0
    again = cli(*arguments)
    assert again.code == 2
    assert "already" in again.err
    assert cli(*arguments, "--replace", "--language", "cy").code == 0
    assert json.loads(cli("voices", "show", "me", "--json").out)["language"] == "cy"


def test_a_transcript_from_a_file_or_from_standard_input(cli, here):
    (here / "words.txt").write_text(f"\ufeff{WORDS}\n", encoding="utf-8")
    assert cli("voices", "add", "a", "ref.wav", "--transcript-file", "words.txt").code == 0
    assert cli("voices", "add", "b", "ref.wav", "--transcript", "-", stdin=WORDS.encode()).code == 0
    for name in ("a", "b"):
        assert json.loads(cli("voices", "show", name, "--json").out)["transcript"] == WORDS


def test_transcribe(cli, monkeypatch):
    place = "vivavoce.speech.transcribe.default_transcriber"
    monkeypatch.setattr(place, lambda: lambda audio, language: f"Heard in {language}, words.")
    made = cli("voices", "add", "me", "ref.wav", "--transcribe", "--language", "de")
    assert made.code == 0
    assert made.err == "transcript: Heard in de, words.\n"

    def missing():
        raise MissingExtra("It is not here.", "Install vivavoce[asr].")

    monkeypatch.setattr(place, missing)
    assert cli("voices", "add", "you", "ref.wav", "--transcribe").code == 2


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("me", "ref.wav"), 1, "vivavoce[asr]"),
        (("me", "ref.wav", "--transcript", "a" * 999), 1, "333.0 characters a second"),
        (("me", "ref.wav", "--transcript", WORDS, "--transcribe"), 2, "one of them"),
        (("me", "ref.wav", "--transcript", WORDS, "--transcript-file", "w"), 2, "one of them"),
        (("me", "ref.wav", "--transcript-file", "nowhere.txt"), 2, "nowhere.txt"),
        (("me", "nowhere.wav", "--transcript", WORDS), 1, "does not exist"),
        (("me", "ref.wav", "--transcript", WORDS, "--start", "5"), 1, "3.00 s long"),
        (("me", "ref.wav", "--transcript", WORDS, "-m", "kathleen"), 1, "cannot make voices"),
        (("../me", "ref.wav", "--transcript", WORDS), 2, "cannot be the name"),
    ],
)
def test_refusals(cli, home, arguments, code, message):
    result = cli("voices", "add", *arguments)
    assert result.code == code
    assert message in " ".join(result.err.split())
    assert not home.exists()
