"""`vivavoce edit`: spans and words on the command line; the rest is in synthesis/test_edits.py."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
import soundfile

from tests.speechlike import speechlike
from tests.tiny import tiny_f5, tiny_f5_folders

EXACT = ("--device", "cpu", "--precision", "float32")  # some CPUs prefer bfloat16
TARGET = "Some new words that were said in the clip."
SPAN = ("--replace", "1.2:2.0", "new words", "--target", TARGET)


@pytest.fixture(autouse=True)
def recording(here):
    found = speechlike(4.0, level=0.1)
    soundfile.write("in.wav", found.samples, 24000, subtype="FLOAT")
    return found


@pytest.fixture
def edit(cli, clones):
    def run(*argv, model=clones, output="out.wav"):
        return cli("edit", "in.wav", "-m", model, *EXACT, "-o", output, *argv)

    return run


def test_it_is_what_the_engine_makes(edit, recording):
    result = edit(*SPAN, "--seed", "3", "--steps", "3", "--json")
    assert result.code == 0, result.err
    summary = json.loads(result.out)
    expected = tiny_f5().edit(recording, [(1.2, 2.0, "new words")], TARGET, seed=3, steps=3)
    samples, rate = soundfile.read("out.wav", dtype="float32")
    assert np.abs(samples - expected.samples).max() <= 1 / 32767
    assert (summary["file"], summary["seed"], rate) == ("out.wav", 3, 24000)
    assert summary["seconds"] == round(expected.duration_s, 3)


def test_several_each_with_its_words_and_seconds(edit, recording):
    spans = ("--replace", "1.2:2:1", "new words", "--replace", "3:3.5", "the")
    result = edit(*spans, "--target", TARGET)
    assert result.code == 0, result.err
    wanted = [(1.2, 2.0, "new words", 1.0), (3.0, 3.5, "the")]
    expected = tiny_f5().edit(recording, wanted, TARGET)
    assert soundfile.info("out.wav").frames == len(expected.samples)


def test_to_a_pipe_with_the_target_from_a_file(edit, here):
    (here / "target.txt").write_text(TARGET, encoding="utf-8")
    result = edit(*SPAN[:3], "--target-file", "target.txt", output="-")
    assert result.code == 0, result.err
    assert soundfile.read(io.BytesIO(result.stdout))[1] == 24000
    assert not (here / "out.wav").exists()


def test_no_speech_is_an_error_or_a_warning(edit, here):
    folder, _ = tiny_f5_folders(here / "spoilt", louder=-20.0)
    assert edit(*SPAN, model=str(folder)).code == 1
    assert not (here / "out.wav").exists()
    kept = edit(*SPAN, "--on-problem", "warn", model=str(folder))
    assert kept.code == 0
    assert "silence" in kept.err


REFUSED = {
    "no words": (("--replace", "1:2", "--target", TARGET), "must be equal in number"),
    "no span": (("new words", "--target", TARGET), "must be equal in number"),
    "nothing": (("--target", TARGET), "No --replace"),
    "no target": (("--replace", "1:2", "new words"), "--target"),
    "an empty target": (("--replace", "1:2", "new words", "--target", " "), "empty"),
    "half a span": (("--replace", "1.2", "new words", "--target", TARGET), "START:END"),
    "letters": (("--replace", "a:b", "new words", "--target", TARGET), "START:END"),
    "four numbers": (("--replace", "1:2:3:4", "new words", "--target", TARGET), "START:END"),
    "outside": (("--replace", "3:9", "new words", "--target", TARGET), "4.000 s"),
    "an option of its own": ((*SPAN, "--set", "seed=3"), "--seed"),
    "unknown words": (("--replace", "1:2", "old", "--target", TARGET), "does not contain"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_before_a_model_is_loaded(edit, here, loads, case):
    argv, hint = REFUSED[case]
    result = edit(*argv)
    assert (result.code, result.out) == (2, "")
    assert hint in result.err
    assert loads == []
    assert not (here / "out.wav").exists()


def test_a_model_that_does_not_clone(edit, here, loads):
    result = edit(*SPAN, model="kathleen")
    assert result.code == 1
    assert "cannot edit" in result.err
    assert not (here / "out.wav").exists()
