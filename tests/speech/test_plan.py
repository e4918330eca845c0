import pytest

from tests.planned import plan
from vivavoce.errors import TextError
from vivavoce.models.glow import text as glow_text
from vivavoce.speech.plan import transcript_warning
from vivavoce.text.passages import Style
from vivavoce.text.split import chunks
from vivavoce.types import Tokens


def by(limit):
    return lambda text: chunks(text, limit)


def spell(text):
    known = [c for c in text if c.isascii() and c.isalpha()]
    unknown = tuple(dict.fromkeys(c for c in text if not c.isascii()))
    return Tokens(tuple(map(ord, known)), (0,) * len(known), ("x",) if known else (), (), unknown)


def test_offsets_point_into_the_source():
    text = "One sentence.  Another one here! \n\n And a third?"
    found = list(plan(text, by(20), spell))
    assert [u.index for u in found] == list(range(len(found)))
    for utterance in found:
        chunk = utterance.chunk
        assert text[chunk.start : chunk.end] == chunk.text


def test_a_megabyte_is_planned_lazily():
    seen = []

    def tokenise(text):
        seen.append(text)
        return spell(text)

    utterances = plan("A short sentence. " * 60_000, by(220), tokenise)
    for _ in range(3):
        next(utterances)
    assert len(seen) <= 4


def test_wordless_chunks_are_left_out_and_all_wordless_is_an_error():
    found = list(plan("Hello. *** ... Again.", by(12), spell))
    assert all(u.tokens.speakable for u in found)
    with pytest.raises(TextError, match="CYRILLIC SMALL LETTER ZHE"):
        list(plan("жжж", by(220), spell))


def test_a_tokeniser_that_refuses_a_chunk_does_not_end_the_text():
    def tokenise(text):
        if "ж" in text:
            raise TextError("none known")
        return spell(text)

    texts = [u.chunk.text for u in plan("жжж жжж. Hello there.", by(12), tokenise)]
    assert " ".join(texts) == "Hello there."


FOREIGN = "Hello there.\n\nПривет мир.\n\nGoodbye."


def english(text):
    return glow_text.encode(glow_text.GlowTextConfig(), text)


def warned(text, tokenise=english):
    return [w for u in plan(text, by(220), tokenise) for w in u.warnings]


def test_an_unspoken_paragraph_is_named_with_its_place():
    (warning,) = warned(FOREIGN)
    assert "9 characters" in warning
    assert "CYRILLIC CAPITAL LETTER PE" in warning
    assert f"at character {FOREIGN.index('П') + 1} ('Привет мир')" in warning


def test_every_passage_is_warned_of_also_of_the_same_letters():
    text = "мир. Hello. мир.\n\nмир.\n\nHello again мир.\n\nмир мир."
    utterances = list(plan(text, by(220), english))
    places = [int(w.split("at character ")[1].split()[0]) - 1 for w in warned(text)]
    assert places == sorted(places)
    assert {text[place] for place in places} == {"м"}
    assert len(places) == 5
    assert all(text[u.unspoken[0].start] == "м" for u in utterances if u.unspoken)


def test_many_places_in_one_utterance_are_one_warning():
    (warning,) = warned("a ж b ж c ж d ж e")
    assert "4 characters" in warning
    assert "at character 3 " in warning


def test_an_unspoken_passage_at_the_end_is_named_too():
    (utterance,) = plan("Hello there.\n\nПривет.", by(220), english)
    assert "at character 15" in utterance.warnings[0]


def test_the_casts_offsets_are_those_of_the_whole():
    (utterance,) = plan("Привет. Hello.", by(220), english)
    moved = utterance.moved(100, 7)
    assert (moved.index, moved.chunk.start) == (7, 100)
    assert "at character 101 " in moved.warnings[0]


def test_notes_about_the_voice_come_once():
    note = transcript_warning(("ж",), "ж and ж")
    assert "2 characters" in note[0]
    assert "transcript" in note[0]
    found = list(plan("One.\n\nTwo.", by(220), english, notes=note))
    assert [u.warnings for u in found] == [note, ()]
    assert transcript_warning((), "all known") == ()


def test_pauses_are_those_of_the_marks():
    text = "[pause 1s] One [pause 500ms] two. [pause 2s] жжж [pause 3s] Three."
    found = list(plan(text, by(220), english))
    assert [u.chunk.text for u in found] == ["One", "two.", "Three."]
    assert [u.chunk.pause_s for u in found] == [0.5, 5.0, 0.35]
    assert [u.lead_s for u in found] == [1.0, 0.0, 0.0]
    assert not any("pause" in word for u in found for word in u.tokens.words)


def test_only_marks_are_nothing_to_speak():
    with pytest.raises(TextError, match="nothing to speak"):
        list(plan("[pause 1s] <br/>", by(220), english))


def test_sentences_have_the_silence_that_is_asked_for():
    found = list(plan("One. Two.", by(220), english, Style(sentence_s=1.25)))
    assert [(u.chunk.text, u.chunk.pause_s) for u in found] == [("One.", 1.25), ("Two.", 1.25)]


def test_words_start_in_the_source_behind_markup():
    text = "# Top\nSee [the **docs**](https://x.org) &amp; more."
    for utterance in plan(text, by(220), english):
        for word, start in zip(utterance.tokens.words, utterance.tokens.word_starts, strict=True):
            place = utterance.chunk.start + start
            assert text[place:].startswith((word, "&amp;"))
