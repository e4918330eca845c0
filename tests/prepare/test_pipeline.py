"""From folders, good and hostile, to a set: what is kept, what is not and why, and killed runs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.prepare import sets
from vivavoce import data, files
from vivavoce.audio import io
from vivavoce.audio.loudness import integrated_lufs, peak_db
from vivavoce.data import PrepareConfig
from vivavoce.errors import TrainingError, UsageError
from vivavoce.train import manifest
from vivavoce.train.recipe import DataSource

ROOT = Path(__file__).parents[2]
TEXT = sets.SENTENCES[0]


def prepare(source: Path, output: Path, **how: Any) -> data.Prepared:
    return data.prepare(
        source, output, **{"transcriber": None, "report": None, "workers": 1, **how}
    )


def written(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def hostile(root: Path) -> Path:
    """A recording that is fine, and what people have beside it."""
    rng = np.random.default_rng(5)
    t = np.arange(3 * sets.RATE) / sets.RATE
    sounds = {
        "good": sets.said(TEXT, 1),
        "half as loud": sets.said(TEXT, 1) * 0.5,
        "silence": np.zeros(3 * sets.RATE),
        "tone": 0.3 * np.sin(2 * np.pi * 440 * t),
        "hiss": 0.1 * rng.standard_normal(3 * sets.RATE),
        "clipped": np.clip(30 * sets.said(TEXT, 3), -1, 1),
        "noisy": sets.said(TEXT, 4) + 0.012 * rng.standard_normal(len(sets.said(TEXT, 4))),
        "short": sets.talk([0.4], seed=6),
        "wrong words": sets.said(TEXT, 7),
        "file name": sets.said(TEXT, 8),
        "no words": sets.said(TEXT, 9),
        "no text": sets.said(TEXT, 10),
    }
    for name, samples in sounds.items():
        sets.write(root / "my recordings" / f"{name}.wav", samples)
        (root / "my recordings" / f"{name}.txt").write_text(TEXT)
    telephone = sets.said(TEXT, 11)
    spectrum = np.fft.rfft(telephone)
    spectrum[round(len(spectrum) * 3400 / 8000) :] = 0
    sets.write(root / "telephone.wav", np.fft.irfft(spectrum, len(telephone)))
    (root / "telephone.txt").write_text(TEXT)
    inner = root / "my recordings"
    (inner / "wrong words.txt").write_text(" ".join([TEXT] * 5))
    (inner / "file name.txt").write_text("file_name.wav")
    (inner / "no words.txt").write_text("... ?!")
    (inner / "no text.txt").unlink()
    (root / "same bytes.wav").write_bytes((inner / "good.wav").read_bytes())
    (root / "same bytes.txt").write_text(TEXT)
    (root / "empty.wav").touch()
    (root / "prose.wav").write_text("This is not sound at all.")
    (root / "cut off.wav").write_bytes((inner / "good.wav").read_bytes()[:60_000])
    (root / "cut off.txt").write_text(TEXT)
    soundfile.write(root / "nan.wav", np.full(9000, np.nan), sets.RATE, subtype="FLOAT")
    (root / "elsewhere.wav").symlink_to(root.parent / "outside.wav")
    sets.write(root.parent / "outside.wav", sets.said(TEXT, 12))
    (root / ".DS_Store").write_bytes(b"x")
    (root / "notes.docx").write_bytes(b"x")
    return root


def test_a_hostile_folder_is_listed_with_reasons(tmp_path: Path) -> None:
    source = hostile(tmp_path / "in")
    before = sets.tree(tmp_path / "in")
    result = prepare(source, tmp_path / "out")
    assert sets.tree(tmp_path / "in") == before
    found = {Path(one.source).stem: one.problem.name for one in result.rejected}
    assert found == {
        "half as loud": "duplicate",
        "same bytes": "duplicate",
        "silence": "silent",
        "tone": "tone",
        "hiss": "noise",
        "clipped": "clipped",
        "noisy": "noisy",
        "short": "too short",
        "telephone": "narrow band",
        "wrong words": "many words",
        "file name": "file name",
        "no words": "no words",
        "no text": "no transcript",
        "empty": "unreadable",
        "prose": "unreadable",
        "cut off": "truncated",
        "nan": "unreadable",
        "elsewhere": "outside",
    }
    assert all(one.problem.message and one.problem.remedy for one in result.rejected)
    assert [one.source for one in result.clips] == ["my recordings/good.wav"]
    assert result.ignored == 1
    listed = written(tmp_path / "out" / "rejected.jsonl")
    assert {Path(row["source"]).stem: row["reason"] for row in listed} == found


def test_of_the_same_bytes_the_file_with_a_text_stays(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        sets.write(tmp_path / "in" / f"{name}.wav", sets.said(TEXT, 1))
    for name in ("b", "c"):
        (tmp_path / "in" / f"{name}.txt").write_text(TEXT)
    result = prepare(tmp_path / "in", tmp_path / "out")
    assert [one.source for one in result.clips] == ["b.wav"]
    assert {one.source for one in result.rejected} == {"a.wav", "c.wav"}


def test_names_that_are_too_long_or_not_utf_8_are_names(tmp_path: Path) -> None:
    folder = sets.sentences(tmp_path / "in")
    (folder / "metadata.csv").unlink()
    names = [b"x" * 250 + b".wav", b"caf\xe9.wav", b"two\nlines.wav"]
    for number, name in enumerate(names):
        clip = folder / "wavs" / f"clip_{number}.wav"
        try:
            clip.rename(os.fsdecode(os.fsencode(folder / "wavs") + b"/" + name))
        except OSError:  # macOS has no names that are not UTF-8
            pytest.skip("the file system refuses such names")
    result = prepare(folder, tmp_path / "out")
    listed = {row["source"] for row in written(tmp_path / "out" / "rejected.jsonl")}
    assert listed == {f"wavs/{n}.wav" for n in ("x" * 250, "caf\\xe9", "two\nlines", "clip_3")}
    assert {one.problem.name for one in result.rejected} == {"no transcript"}


def test_training_reads_what_was_written(tmp_path: Path) -> None:
    source = sets.sentences(tmp_path / "in", 12)
    result = prepare(source, tmp_path / "me", config=PrepareConfig(validation=0.1))
    rows = manifest.read((DataSource(path=tmp_path / "me"),))
    assert len(rows) == len(result.clips) == 12
    assert {row.speaker for row in rows} == {"me"}
    assert sum(row.held_out for row in rows) == 1
    assert rows[0].text.startswith("The quick brown fox")
    assert rows[0].audio.parent == tmp_path / "me" / "clips"
    state = json.loads((tmp_path / "me" / "prepared.json").read_text())
    assert state["finished"] is True
    assert state["clips"] == 12


def test_clips_are_trimmed_and_as_loud_as_asked(tmp_path: Path) -> None:
    source = sets.sentences(tmp_path / "in", 4)
    result = prepare(source, tmp_path / "out", config=PrepareConfig(loudness_lufs=-30.0))
    for one in result.clips:
        audio = io.read(tmp_path / "out" / "clips" / f"{one.id}.flac")
        assert audio.duration_s == pytest.approx(one.clip.seconds, abs=1e-4)
        assert integrated_lufs(audio) == pytest.approx(one.clip.lufs + one.gain_db, abs=0.2)
        assert peak_db(audio.samples) <= -1.0
        text_s = len(one.clip.text) / 14
        assert text_s <= one.clip.seconds <= text_s + 0.45
    gains = {one.gain_db for one in result.clips}
    assert len(gains) == 1  # one for the folder: a quiet sentence stays quieter than a loud one
    mean = np.mean([10 ** ((one.clip.lufs + one.gain_db) / 10) for one in result.clips])
    assert 10 * np.log10(mean) == pytest.approx(-30.0, abs=1.0)


def test_a_long_recording_is_cut_in_its_pauses(tmp_path: Path) -> None:
    lengths = [4.0, 5.0, 2.0, 6.0, 3.5, 4.5]
    samples = sets.talk(lengths, gap_s=0.5)
    sets.write(tmp_path / "talk.wav", samples)
    heard: list[float] = []

    def transcribe(audio: io.Recorded, language: str) -> str:
        heard.append(audio.duration_s)
        return sets.PROSE[: round(12 * audio.duration_s)]

    config = PrepareConfig(language="de")
    result = prepare(tmp_path / "talk.wav", tmp_path / "out", config=config, transcriber=transcribe)
    edges = np.cumsum([0.5, *(x + 0.5 for x in lengths)])  # where speech begins
    starts = [one.clip.start_s for one in result.clips]
    assert [min(abs(edges - 0.1 - start)) < 0.06 for start in starts] == [True] * len(starts)
    assert all(3.0 <= one.clip.seconds <= 12.0 for one in result.clips)
    assert sum(one.clip.seconds for one in result.clips) > sum(lengths)
    assert [one.id for one in result.clips][:2] == ["talk-0001", "talk-0002"]
    assert {one.language for one in result.clips} == {"de"}
    assert heard == [pytest.approx(one.clip.seconds) for one in result.clips]


def test_a_second_run_does_nothing_again(tmp_path: Path) -> None:
    source = sets.sentences(tmp_path / "in", 4)
    asked: list[str] = []

    def transcribe(audio: io.Recorded, language: str) -> str:
        asked.append(language)
        return TEXT

    how = {"transcriber": transcribe, "verify": True}
    prepare(source, tmp_path / "out", **how)
    assert len(asked) == 4
    before = sets.tree(tmp_path / "out" / "clips")
    prepare(source, tmp_path / "out", **how)
    assert len(asked) == 4
    assert sets.tree(tmp_path / "out" / "clips") == before


def test_a_clip_that_left_the_set_leaves_the_folder(tmp_path: Path) -> None:
    source = sets.sentences(tmp_path / "in", 4)
    prepare(source, tmp_path / "out")
    (tmp_path / "out" / "clips" / "mine.flac").write_bytes(b"somebody else's")
    (source / "wavs" / "clip_2.wav").unlink()
    result = prepare(source, tmp_path / "out")
    assert result.reasons == {"missing file": 1}
    names = sorted(path.stem for path in (tmp_path / "out" / "clips").iterdir())
    assert names == ["mine", "wavs_clip_0", "wavs_clip_1", "wavs_clip_3"]


KILLED = """
import os, signal, sys
from vivavoce import data
calls = 0
def progress(done, total, note):
    global calls
    calls += 1
    if calls == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
data.prepare(sys.argv[1], sys.argv[2], transcriber=None, workers=1, on_progress=progress)
"""


@pytest.mark.parametrize("call", [3, 6, 9])
def test_a_killed_run_goes_on_to_the_same_result(call: int, tmp_path: Path) -> None:
    source, output = sets.sentences(tmp_path / "in", 4), tmp_path / "me"
    data.prepare(source, output, transcriber=None, workers=1)
    whole = {name: content for name, (content, _) in sets.tree(output).items()}
    shutil.rmtree(output)
    folders = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(source), str(output), str(call)],
        env={**os.environ, "PYTHONPATH": folders},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    with (output / ".work" / "journal.jsonl").open("a") as stream:
        stream.write('["recording:half a li')  # as a full disk leaves it
    data.prepare(source, output, transcriber=None, workers=1)
    assert {name: content for name, (content, _) in sets.tree(output).items()} == whole


def test_workers_do_not_change_the_result(tmp_path: Path) -> None:
    source = sets.sentences(tmp_path / "in", 4)
    prepare(source, tmp_path / "a" / "me", workers=1)
    prepare(source, tmp_path / "b" / "me", workers=4)
    one, four = (sets.tree(tmp_path / name / "me") for name in "ab")
    assert {k: v[0] for k, v in one.items()} == {k: v[0] for k, v in four.items()}


def test_other_peoples_folders_are_left_alone(tmp_path: Path) -> None:
    source = sets.sentences(tmp_path / "in", 2)
    before = sets.tree(source)
    for output in (source, tmp_path, source / "metadata.csv"):
        with pytest.raises(UsageError):
            prepare(source, output)
    assert sets.tree(source) == before
    with pytest.raises(UsageError, match="does not exist"):
        prepare(tmp_path / "nowhere", tmp_path / "out")
    (tmp_path / "void").mkdir()
    with pytest.raises(UsageError, match="holds no recordings"):
        prepare(tmp_path / "void", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_output_inside_the_input_is_not_read(tmp_path: Path) -> None:
    source = sets.sentences(tmp_path / "in", 2)
    first = prepare(source, source / "out")
    second = prepare(source, source / "out")
    assert first.rejected == second.rejected == ()
    assert len(second.clips) == 2


def test_two_runs_in_one_folder_are_refused(tmp_path: Path) -> None:
    source = sets.sentences(tmp_path / "in", 2)
    prepare(source, tmp_path / "out")
    with (
        files.lock(tmp_path / "out" / ".work" / "lock"),
        pytest.raises(TrainingError, match="Another process is preparing"),
    ):
        prepare(source, tmp_path / "out")


def test_names_that_collide_get_files_of_their_own(tmp_path: Path) -> None:
    for i, name in enumerate(("a b.wav", "a?b.wav", "A b.wav", "ж" * 60 + ".wav", "a b.flac")):
        sets.write(tmp_path / "in" / name, sets.said(TEXT, i))
        (tmp_path / "in" / name).with_suffix(".txt").write_text(TEXT)
    made = sum(path.suffix != ".txt" for path in (tmp_path / "in").iterdir())
    assert made == 5 - (tmp_path / "in" / "a B.wav").exists()  # a Mac's disk ignores capitals
    result = prepare(tmp_path / "in", tmp_path / "out")
    names = [one.id for one in result.clips]
    assert len({name.casefold() for name in names}) == made
    assert all(len(name.encode()) < 120 for name in names)
    shutil.rmtree(tmp_path / "in")
    rows = manifest.read((DataSource(path=tmp_path / "out"),))
    assert [row.id for row in rows] == names
