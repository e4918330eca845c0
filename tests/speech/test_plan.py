import pytest

from vivavoce.errors import TextError
from vivavoce.speech.plan import plan
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
