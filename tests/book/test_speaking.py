"""A book spoken by a tiny voice: kept, resumed, put together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.book.books import novel
from tests.tiny import tiny_tts
from vivavoce import files
from vivavoce.audio import io
from vivavoce.audio.loudness import integrated_lufs
from vivavoce.book import Book, Chapter, Paragraph, read, speak
from vivavoce.book.mastering import HEAD_S, TAIL_S
from vivavoce.book.passages import LONGEST, BookPassage, passages
from vivavoce.book.speaking import unfinished
from vivavoce.errors import TextError, UnknownFormat, UsageError


class Stopped(Exception):
    pass


def stop_after(count: int):
    """Ends the work when so many passages have been spoken."""
    calls = []

    def on_progress(done: int, total: int, title: str, spoken: int) -> None:
        calls.append(done)
        if len(calls) > count:
            raise Stopped

    return on_progress


@pytest.fixture(scope="module")
def tts():
    return tiny_tts()


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    return read(novel(tmp_path_factory.mktemp("books") / "n.epub"))


def content(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_a_folder_of_chapters(tts, book, tmp_path):
    made = speak(tts, book, tmp_path / "out", loudness_lufs=None)
    assert [path.name for path in made.files] == ["01-the-mill.flac", "02-the-weir.flac"]
    assert sorted(content(tmp_path / "out")) == [
        "01-the-mill.flac",
        "02-the-weir.flac",
        "cover.png",
    ]
    assert [(t.number, t.title) for t in made.tracks] == [(1, "The Mill"), (2, "The Weir")]
    audio = io.read(made.files[0])
    assert len(audio.samples) == round(made.tracks[0].end_s * audio.sample_rate)
    head, tail = round(HEAD_S * audio.sample_rate), round(TAIL_S * audio.sample_rate)
    assert not audio.samples[:head].any()
    assert not audio.samples[-tail:].any()
    assert audio.samples.any()
    assert made.spoken == 5
    assert not unfinished(tmp_path / "out").exists()


@pytest.mark.parametrize("count", [1, 3, 4])
def test_a_stopped_run_goes_on_and_gives_the_same(tts, book, tmp_path, count):
    speak(tts, book, tmp_path / "whole")
    with pytest.raises(Stopped):
        speak(tts, book, tmp_path / "out", on_progress=stop_after(count))
    assert not (tmp_path / "out").exists()
    made = speak(tts, book, tmp_path / "out")
    assert made.spoken == 5 - count
    assert content(tmp_path / "out") == content(tmp_path / "whole")


def test_damage_in_what_is_kept_is_spoken_again(tts, book, tmp_path):
    speak(tts, book, tmp_path / "whole")
    with pytest.raises(Stopped):
        speak(tts, book, tmp_path / "out", on_progress=stop_after(4))
    first, second, *_ = sorted(unfinished(tmp_path / "out").glob("*/*.flac"))
    first.write_bytes(first.read_bytes()[:-50])
    second.write_bytes(b"")
    assert speak(tts, book, tmp_path / "out").spoken == 3
    assert content(tmp_path / "out") == content(tmp_path / "whole")


def test_only_a_changed_paragraph_is_spoken_again(tts, book, tmp_path):
    with pytest.raises(Stopped):
        speak(tts, book, tmp_path / "out", on_progress=stop_after(5))
    first = book.chapters[0]
    new = replace(
        first, paragraphs=(*first.paragraphs[:1], Paragraph("New words."), *first.paragraphs[1:])
    )
    made = speak(tts, replace(book, chapters=(new, book.chapters[1])), tmp_path / "out")
    assert made.spoken == 1


def test_another_seed_or_speed_is_another_book(tts, book, tmp_path):
    with pytest.raises(Stopped):
        speak(tts, book, tmp_path / "out", on_progress=stop_after(5))
    with pytest.raises(Stopped):
        speak(tts, book, tmp_path / "out", seed=1, on_progress=stop_after(5))
    made = speak(tts, book, tmp_path / "out", speed=1.2)
    assert made.spoken == 5


def test_some_chapters_keep_their_numbers(tts, book, tmp_path):
    made = speak(tts, book, tmp_path / "out", chapters=[2], format="wav")
    assert [path.name for path in made.files] == ["02-the-weir.wav"]
    with pytest.raises(UsageError, match="no chapter 3"):
        speak(tts, book, tmp_path / "out", chapters=[3])


def test_the_loudness_is_that_of_the_whole(tts, book, tmp_path):
    made = speak(tts, book, tmp_path / "out", loudness_lufs=-30.0, format="wav-float")
    samples = np.concatenate([io.read(path).samples for path in made.files])
    assert made.lufs == pytest.approx(-30.0, abs=0.1)
    measured = integrated_lufs(replace(io.read(made.files[0]), samples=samples))
    assert measured == pytest.approx(made.lufs, abs=0.01)


def test_text_that_the_voice_cannot_say(tts, tmp_path):
    lines = (Paragraph("Hello there."), Paragraph("日本語"), Paragraph("* * *"))
    book = Book("x", (), (Chapter("One", lines), Chapter("Two", (Paragraph("日"),))))
    with pytest.raises(TextError, match="One: '日本語'"):
        speak(tts, book, tmp_path / "out")
    assert not unfinished(tmp_path / "out").exists()
    made = speak(tts, book, tmp_path / "out", on_problem="skip")
    assert [(p.chapter, p.text, p.reason[:8]) for p in made.problems] == [
        ("One", "日本語", "left out"),
        ("Two", "日", "left out"),
    ]
    assert [track.title for track in made.tracks] == ["One", "Two"]
    assert made.tracks[1].end_s - made.tracks[1].start_s == pytest.approx(HEAD_S + TAIL_S, abs=0.01)
    with pytest.raises(TextError, match="none of the book"):
        speak(tts, book, tmp_path / "none", chapters=[2], on_problem="skip")


def test_two_processes_do_not_make_one_audiobook(tts, book, tmp_path):
    folder = unfinished(tmp_path / "out")
    folder.mkdir()
    with files.lock(folder / ".lock"), pytest.raises(UsageError, match="Another process"):
        speak(tts, book, tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "format", "error"),
    [
        ("x.mp3", None, UsageError),
        ("x.m4b", "flac", UsageError),
        ("x", "xyz", UnknownFormat),
    ],
)
def test_targets_that_are_none(tts, book, tmp_path, name, format, error):  # noqa: A002
    with pytest.raises(error):
        speak(tts, book, tmp_path / name, format=format)
    assert list(tmp_path.iterdir()) == []


def test_long_paragraphs_are_cut_at_sentences():
    text = "A sentence of some words. " * 100
    found = list(passages(Chapter("", (Paragraph(text.strip(), pause_s=1.5),))))
    assert all(len(each.text) <= LONGEST for each in found)
    assert " ".join(each.text for each in found) == text.strip()
    assert [each.pause_s for each in found] == [0.35, 0.35, 1.5]


def test_pause_marks_in_a_book_are_text():
    assert BookPassage("Wait [pause 9s] here", 0.7).marked == "Wait (pause 9s) here [pause 0.7s]"
