"""A book with several readers, a lexicon, subtitles, a listener: spoken by a tiny voice."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tests.tiny import tiny_tts
from vivavoce.audio import io
from vivavoce.audio.loudness import rms_db
from vivavoce.book import Book, Chapter, Paragraph, speak
from vivavoce.book.casting import Casting, Reader
from vivavoce.book.checking import Check
from vivavoce.book.limiter import true_peaks
from vivavoce.book.mastering import HEAD_S, PRESETS
from vivavoce.errors import GuardError, UnknownFormat, UsageError, VoiceError
from vivavoce.text.lexicon import read as read_lexicon

BOOK = Book(
    "B",
    ("A. Writer",),
    (
        Chapter("The Mill", (Paragraph("“It turns,” said Ann, “slowly.”"), Paragraph("So it is."))),
        Chapter("The Weir", (Paragraph("Water fell all night over the weir."),)),
    ),
    "en",
)


@pytest.fixture(scope="module")
def tts():
    return tiny_tts(n_speakers=2)


def test_readers_speak_their_own_words(tts, tmp_path):
    cast = Casting(Reader("speaker0"), {}, Reader("speaker1"), {})
    one = speak(tts, BOOK, tmp_path / "one", cast=Casting(Reader("speaker0")), format="wav")
    two = speak(tts, BOOK, tmp_path / "two", cast=cast, format="wav")
    assert (one.spoken, two.spoken) == (3, 5)
    first, second = (io.read(made.files[1]).samples for made in (one, two))
    assert len(first) == len(second)
    slow = Casting(Reader("speaker0", speed=0.5))
    three = speak(tts, BOOK, tmp_path / "three", cast=slow, format="wav")
    assert three.seconds > one.seconds


def test_a_lexicon_changes_what_is_said_and_not_what_is_shown(tts, tmp_path):
    (tmp_path / "l.toml").write_text('[words]\nweir = "long and winding dam"\n')
    lexicon = read_lexicon(tmp_path / "l.toml")
    how = {"format": "wav", "subtitles": ["srt"], "chapters": [2]}
    plain = speak(tts, BOOK, tmp_path / "one", **how)
    said = speak(tts, BOOK, tmp_path / "two", lexicon=lexicon, **how)
    assert said.seconds > plain.seconds
    assert "over the weir." in said.subtitles[0].read_text()


def test_subtitles_lie_where_the_sound_is(tts, tmp_path):
    made = speak(tts, BOOK, tmp_path / "out", format="wav", subtitles=["srt", "lrc"])
    names = [path.name for path in made.subtitles]
    assert names == ["01-the-mill.srt", "01-the-mill.lrc", "02-the-weir.srt", "02-the-weir.lrc"]
    text = made.subtitles[2].read_text()
    begin, end = re.findall(r"00:00:(\d\d,\d\d\d)", text)[:2]
    start_s, end_s = (float(t.replace(",", ".")) for t in (begin, end))
    audio = io.read(made.files[1])
    loud = np.flatnonzero(np.abs(audio.samples) > 1e-3) / audio.sample_rate
    assert start_s == pytest.approx(HEAD_S, abs=0.001)
    assert loud[0] == pytest.approx(start_s, abs=0.05)
    assert loud[-1] == pytest.approx(end_s, abs=0.05)


def test_subtitles_of_one_file(tts, tmp_path):
    pytest.importorskip("av")
    made = speak(tts, BOOK, tmp_path / "b.m4b", subtitles=["vtt"])
    text = (tmp_path / "b.vtt").read_text()
    assert made.subtitles == (tmp_path / "b.vtt",)
    begins = re.findall(r"(\d\d):(\d\d\.\d\d\d) -->", text)
    second = 60 * int(begins[-1][0]) + float(begins[-1][1])
    assert second == pytest.approx(made.tracks[1].start_s + HEAD_S, abs=0.002)
    with pytest.raises(UnknownFormat, match="LRC"):
        speak(tts, BOOK, tmp_path / "c.m4b", subtitles=["lrc"])


def test_a_store_is_shared_by_books(tts, tmp_path):
    store = tmp_path / "store"
    assert speak(tts, BOOK, tmp_path / "one", store=store).spoken == 3
    assert speak(tts, BOOK, tmp_path / "two", store=store).spoken == 0
    assert (tmp_path / "one" / "02-the-weir.flac").read_bytes() == (
        tmp_path / "two" / "02-the-weir.flac"
    ).read_bytes()


class Ears:
    """Hears what is to be said, but for the calls that are named."""

    def __init__(self, *deaf: int) -> None:
        self.deaf, self.calls = deaf, 0

    def __call__(self, audio, language):
        self.calls += 1
        if self.calls in self.deaf:
            raise VoiceError("No words were recognised in the recording.")
        return "Water fell all night over the weird."


def test_what_is_not_understood_is_spoken_again(tts, tmp_path):
    ears = Ears(1)
    made = speak(tts, BOOK, tmp_path / "out", chapters=[2], check=Check(ears))
    assert (ears.calls, made.problems) == (2, ())
    ears = Ears(1, 2, 3)
    made = speak(tts, BOOK, tmp_path / "out", chapters=[2], check=Check(ears), store=tmp_path / "s")
    assert ears.calls == 3
    assert made.problems[0].reason == "recognised as '': 7 of 7 words differ"
    ears = Ears(1)
    how = {"chapters": [2], "check": Check(ears), "store": tmp_path / "s"}
    assert speak(tts, BOOK, tmp_path / "out", **how).problems == made.problems
    assert ears.calls == 0
    again = speak(tts, BOOK, tmp_path / "out", retry=True, **how)
    assert (ears.calls, again.spoken, again.problems) == (2, 1, ())


def test_short_passages_are_not_judged(tts, tmp_path):
    book = Book("B", (), (Chapter("One", (Paragraph("Yes."),)),))
    ears = Ears(1)
    assert speak(tts, book, tmp_path / "out", check=Check(ears)).problems == ()
    assert ears.calls == 0


def test_the_preset_of_a_shop(tts, tmp_path):
    words = Paragraph("the mill stood by the river and water fell over the weir, " * 5, pause_s=0.1)
    book = Book("B", (), (Chapter("One", (words,)), Chapter("Two", (words, words))))
    made = speak(tts, book, tmp_path / "out", preset="acx")
    for path in made.files:
        data = path.read_bytes()
        frame = data.index(b"\xff\xfb", 10 if data[:3] == b"ID3" else 0)
        assert data[frame + 2] >> 4 == 11  # 192 kb/s
        assert (data[frame + 2] >> 2) & 3 == 0  # 44.1 kHz
        audio = io.read(path)
        assert -23 <= rms_db(audio.samples) <= -18
        assert 20 * np.log10(true_peaks(audio.samples, audio.sample_rate).max()) <= -3.0
    with pytest.raises(UsageError, match="one file"):
        speak(tts, BOOK, tmp_path / "x.m4b", preset="acx")
    with pytest.raises(UsageError, match="'akx'"):
        speak(tts, BOOK, tmp_path / "x", preset="akx")


def test_a_level_that_peaks_do_not_allow_is_told(tts, tmp_path):
    """A word in seconds of silence cannot be as loud as speech without a break."""
    book = Book("B", (), (Chapter("One", (Paragraph("Hello.", pause_s=20.0),)),))
    made = speak(tts, book, tmp_path / "out", preset="acx", format="wav")
    (problem,) = made.problems
    assert problem.chapter == "One"
    assert re.fullmatch(r"its level is -\d\d\.\d dB RMS, not -20\.5: .*", problem.reason)


def test_the_preset_of_podcasts(tts, tmp_path):
    made = speak(tts, BOOK, tmp_path / "out", preset="podcast", format="wav-float")
    assert made.lufs == pytest.approx(PRESETS["podcast"].loudness_lufs, abs=0.5)
    for path in made.files:
        audio = io.read(path)
        assert 20 * np.log10(true_peaks(audio.samples, audio.sample_rate).max()) <= -1.0


def test_files_have_tags(tts, tmp_path):
    import soundfile

    made = speak(tts, BOOK, tmp_path / "out", format="flac")
    with soundfile.SoundFile(made.files[1]) as file:
        found = file.copy_metadata()
    assert (found["title"], found["album"], found["artist"]) == ("The Weir", "B", "A. Writer")
    assert found["tracknumber"] == "2"


def test_an_error_names_the_passage(tts, tmp_path, monkeypatch):
    def speech(*_, **__):
        raise GuardError("The model gave silence.", "Try again.")

    monkeypatch.setattr(tts, "speak", speech)
    book = Book("B", (), (Chapter("x", (Paragraph("So it is."),)),))
    with pytest.raises(GuardError, match="'So it is"):
        speak(tts, book, tmp_path / "out")
