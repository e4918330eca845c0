"""What every family's chunker is given: pauses obeyed, marks not read, places kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from vivavoce.errors import TextError, UsageError
from vivavoce.text.passages import NATURAL, Passage, Style, passages
from vivavoce.text.split import chunks
from vivavoce.types import Chunk


def by(limit: int) -> Callable[[str], Iterable[Chunk]]:
    return lambda text: chunks(text, limit)


def found(text: str, style: Style = NATURAL, limit: int = 100) -> list[Passage]:
    listed = list(passages(text, by(limit), style))
    for passage in listed:
        chunk = passage.chunk
        assert text[chunk.start : chunk.end] == chunk.text
        for i, character in enumerate(passage.text):
            if character.isalnum():
                assert chunk.text[passage.place(i)] in {character, "&"}
    return listed


def test_a_mark_cuts_and_sets_the_pause() -> None:
    listed = found("Hello [pause 1.5s] there. <break time='500ms'/> Bye.")
    assert [p.text for p in listed] == ["Hello", "there.", "Bye."]
    assert [p.chunk.pause_s for p in listed] == [1.5, 0.5, 0.35]


def test_marks_in_a_row_add_up_and_the_first_leads() -> None:
    listed = found("[pause 1s] [pause 500ms] Hello. [pause 2s]***[pause 1s] Bye. [pause 250ms]")
    assert [p.lead_s for p in listed] == [1.5, 0.0]
    assert [p.chunk.pause_s for p in listed] == [3.0, 0.25]


def test_many_marks_cannot_make_an_endless_pause() -> None:
    with pytest.raises(TextError, match="in a row"):
        found("Hello." + "[pause 20s]" * 2)
    with pytest.raises(TextError, match="in a row"):
        found("[pause 20s]" * 2 + "Hello.")


def test_an_escaped_mark_is_text() -> None:
    (passage,) = found(r"Say \[pause 1s] aloud.")
    assert passage.text == "Say [pause 1s] aloud."


def test_silences_of_sentences_and_paragraphs() -> None:
    text = "One. Two, three. Four.\n\nFive. [pause 2s] Six."
    listed = found(text, Style(sentence_s=1.0, paragraph_s=3.0))
    assert [p.text for p in listed] == ["One.", "Two, three.", "Four.", "Five.", "Six."]
    assert [p.chunk.pause_s for p in listed] == [1.0, 1.0, 3.0, 2.0, 1.0]
    listed = found(text, Style(paragraph_s=0.0))
    assert [p.text for p in listed] == ["One. Two, three. Four.", "Five.", "Six."]
    assert listed[0].chunk.pause_s == 0.0


@pytest.mark.parametrize("value", [-0.1, 30.5, float("nan")])
def test_silences_are_bounded(value: float) -> None:
    with pytest.raises(UsageError, match="silence"):
        Style(sentence_s=value)
    with pytest.raises(UsageError, match="silence"):
        Style(paragraph_s=value)


def test_markup_is_shown_or_not() -> None:
    text = "# Top\nSee [the docs](https://example.com) &amp; go."
    assert [p.text for p in found(text)] == ["Top", "See the docs & go."]
    (plain,) = found(text, Style(markup=False))
    assert plain.text == text


def test_footnotes_do_not_join_sentences() -> None:
    text = "He agreed.[12] Then he left.¹ It rained."
    for notes in (False, True):
        listed = found(text, Style(notes=notes, sentence_s=0.5))
        assert len(listed) == 3
        assert ("[12]" in listed[0].text) is notes


def test_only_what_is_asked_for_is_read() -> None:
    pulled = []

    def cut(text: str) -> Iterable[Chunk]:
        for chunk in chunks(text, 30):
            pulled.append(chunk)
            yield chunk

    work = passages("A short sentence. " * 50_000, cut)
    for _ in range(3):
        next(work)
    assert len(pulled) < 6


def test_nothing_to_say_is_no_passage() -> None:
    assert found("[pause 1s] <br/> ... <!-- words -->") == []
