import json
from itertools import pairwise

import pytest

from tests.planned import plan
from vivavoce.errors import UnknownFormat
from vivavoce.models.glow import text as glow_text
from vivavoce.speech.plan import Utterance
from vivavoce.speech.timing import subtitles, words
from vivavoce.text.split import chunks
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


def spoken(text):
    """Timed words of a text of the English voice: one frame of 0.1 s for every token."""
    (found,) = plan(text, lambda whole: chunks(whole, 400), english)
    return words(found, [1] * len(found.tokens.ids), 0.1)


def english(text):
    return glow_text.encode(glow_text.GlowTextConfig(), text)


@pytest.mark.parametrize(
    "text",
    [
        "The company is worth $1.2 billion now.",
        "He is 6 ft 2 in tall.",
        "On 15 May 2021, it rained.",
        "It weighs 2.5 kg now.",
        "It costs $3.50 at 7:30 p.m.!",
        "About 1 000 000 people saw it.",
        "5 kg",
        "Call +44 20 7946 0958 or 020 7946 0958 now.",
        "Henry VIII and Elizabeth I met on 2024-03-15T09:30:00Z.",
        "Dr. J. R. R. Tolkien, Ph.D., said: 5 \u00d7 10\u2078 m/s \u2014 so what?",
        "Hello \u043f\u0440\u0438\u0432\u0435\u0442 world.",
    ],
)
def test_every_written_word_is_timed(text):
    timed = spoken(text)
    assert [w.text for w in timed if any(map(str.isalnum, w.text))] == [
        w for w in text.split() if any(map(str.isalnum, w))
    ]
    for before, after in pairwise(timed):
        assert before.start_s <= before.end_s <= after.start_s + 1e-9
    assert all(w.start_s < w.end_s for w in timed)


def test_words_are_shown_without_markup():
    text = "See [the **docs**](https://x.org) &amp; `code`."
    assert [w.text for w in spoken(text)] == ["See", "the", "docs", "&", "code."]
