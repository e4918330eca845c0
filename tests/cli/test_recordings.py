"""What the commands say about bad recordings and transcripts."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile

from tests.speechlike import speechlike

RATE = 24_000
WORDS = "Some words that were said in the clip."
SPEECH = speechlike(3.0, RATE, level=0.1).samples
NOISE = 0.1 * np.random.default_rng(0).standard_normal(3 * RATE).clip(-3, 3)
TONE = 0.3 * np.sin(2 * np.pi * 440 * np.arange(3 * RATE) / RATE)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch, here):
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path / "home"))


def added(cli, samples, words=WORDS, *options, suffix="wav"):
    soundfile.write(f"ref.{suffix}", samples, RATE)
    return cli("voices", "add", "me", f"ref.{suffix}", "--transcript", words, *options)


def test_a_good_recording_is_added_without_a_word(cli):
    result = added(cli, SPEECH)
    assert (result.code, result.err) == (0, "")


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        ((10 * SPEECH / np.abs(SPEECH).max()).clip(-1, 1), "is clipped"),
        (NOISE, "seems to hold noise"),
        (TONE, "seems to hold a tone"),
        (SPEECH + 0.1, ", which was removed"),
        (np.concatenate([np.zeros(2 * RATE), SPEECH]), "begins with 2.0 s of silence"),
        (np.stack([SPEECH, -SPEECH], 1), "channels that cancel each other"),
        (np.stack([0 * SPEECH, 0 * SPEECH, SPEECH, *3 * [0 * SPEECH]], 1), "one of several"),
    ],
)
def test_doubtful_recordings_are_added_and_said(cli, samples, said):
    result = added(cli, samples)
    assert result.code == 0, result.err
    assert result.err.startswith("warning: The recording ")
    assert said in result.err


@pytest.mark.parametrize("suffix", ["wav", "mp3", "ogg"])
def test_the_first_part_of_a_file_is_said_to_be_one(cli, here, suffix):
    added(cli, SPEECH, suffix=suffix)
    data = (here / f"ref.{suffix}").read_bytes()
    (here / f"ref.{suffix}").write_bytes(data[: len(data) * 6 // 10])
    result = cli(
        *("voices", "add", "you", f"ref.{suffix}", "--transcript", "Some words, half of them.")
    )
    assert "is cut off" in result.err


@pytest.mark.parametrize(
    ("words", "options", "code", "said"),
    [
        ("Some words.", (), 0, "too short for the recording: 3.3 characters a second"),
        ("ref.wav", (), 2, "is the name of a file"),
        ("ref_audio_1", (), 0, "looks like the name of a file"),
        (WORDS * 4, (), 1, "too long for the recording: 49.3"),
        (WORDS, ("--language", "zh"), 0, "it is 'zh' now"),
    ],
)
def test_transcripts(cli, words, options, code, said):
    result = added(cli, SPEECH, words, *options)
    assert result.code == code
    assert said in result.err


def test_an_empty_file_is_called_empty(cli, here):
    (here / "ref.wav").write_bytes(b"")
    result = cli("voices", "add", "me", "ref.wav", "--transcript", WORDS)
    assert (result.code, "ref.wav is empty" in result.err) == (1, True)


def test_the_longest_file(cli):
    result = added(cli, SPEECH, WORDS, "--longest", "2")
    assert (result.code, "2 s are read at most" in result.err) == (1, True)


def test_a_reference_for_one_text(cli, clones):
    soundfile.write("ref.wav", (10 * SPEECH / np.abs(SPEECH).max()).clip(-1, 1), RATE)
    how = ("-m", clones, "--ref", "ref.wav", "--transcript", WORDS, "-o", "a.wav", "--steps", "1")
    result = cli("speak", "Hello there.", *how, "--on-problem", "warn")
    assert "warning: The recording is clipped" in result.err


def test_a_recording_that_is_edited(cli, clones):
    soundfile.write("ref.wav", (10 * SPEECH / np.abs(SPEECH).max()).clip(-1, 1), RATE)
    how = ("-m", clones, "-o", "a.wav", "--steps", "1", "--on-problem", "warn", "--json")
    edited = ("--replace", "1.0:1.5", "new words", "--target", "Some new words that were said.")
    result = cli("edit", "ref.wav", *edited, *how)
    assert result.code == 0, result.err
    assert "is clipped" in json.loads(result.out)["warnings"][0]
