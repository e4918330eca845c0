import json

import pytest

from vivavoce.errors import UnknownFormat
from vivavoce.speech.plan import Utterance
from vivavoce.speech.timing import subtitles, words
from vivavoce.types import Chunk, Tokens, Word


def utterance(starts):
    """ "It's $3." spoken as "it's three dollars": tokens ^ a b c d e $ with two silences."""
    tokens = Tokens((0,) * 8, (-1, 0, 0, -1, 1, 2, 2, -1), ("it's", "three", "dollars"), starts)
    return Utterance(Chunk("It's $3.", 10, 18), tokens, 0)


def test_spoken_words_come_back_as_written():
    timed = words(utterance((0, 5, 5)), [1, 2, 2, 3, 4, 1, 1, 6], frame_s=0.1)
    assert [w.text for w in timed] == ["It's", "$3."]
    assert [(w.start_s, w.end_s) for w in timed] == [
        (pytest.approx(0.1), pytest.approx(0.5)),
        (pytest.approx(0.8), pytest.approx(1.4)),
    ]


def test_without_offsets_the_spoken_words_stand():
    timed = words(utterance(()), [1, 2, 2, 3, 4, 1, 1, 6], frame_s=0.1)
    assert [w.text for w in timed] == ["it's", "three", "dollars"]


TIMED = [Word("Hello", 0.0, 0.5), Word("there.", 0.6, 1.0), Word("Next", 3661.5, 3662.25)]


def test_srt_and_vtt():
    assert subtitles(TIMED, "srt") == (
        "1\n00:00:00,000 --> 00:00:01,000\nHello there.\n\n2\n01:01:01,500 --> 01:01:02,250\nNext\n"
    )
    vtt = subtitles(TIMED, "vtt")
    assert vtt.startswith("WEBVTT\n\n1\n00:00:00.000 --> 00:00:01.000\n")


def test_an_abbreviation_ends_no_cue():
    timed = [Word("Dr.", 0.0, 0.4), Word("Smith.", 0.45, 0.9), Word("He", 1.3, 1.5)]
    assert subtitles(timed, "srt").count("-->") == 2
    assert "\nDr. Smith.\n" in subtitles(timed, "srt")


def test_json_has_every_word():
    rows = json.loads(subtitles(TIMED, "json"))
    assert rows[1] == {"word": "there.", "start": 0.6, "end": 1.0}


def test_unknown_kind():
    with pytest.raises(UnknownFormat, match="srt"):
        subtitles(TIMED, "srtt")
