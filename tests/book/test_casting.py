"""Who reads what: chapters, quotation marks, names beside verbs of speaking."""

from __future__ import annotations

import pytest

from vivavoce.book import Book, Chapter, Paragraph
from vivavoce.book.casting import Casting, Reader, read
from vivavoce.book.passages import Manuscript
from vivavoce.book.quotes import speaker_of, stretches
from vivavoce.errors import ConfigError

ANN, TELLER, OTHERS = Reader("ann"), Reader("teller"), Reader("others")


def book(*texts: str) -> Book:
    paragraphs = tuple(Paragraph(text) for text in texts)
    return Book("B", (), (Chapter("One", paragraphs), Chapter("Two", paragraphs)))


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("“It turns,” said Ann, “whenever.”", ["“It turns,”", "“whenever.”"]),
        ("He said: «Bonjour» and left.", ["«Bonjour»"]),
        ("»Ja«, sagte er.", ["»Ja«"]),
        ("„Ja“, sagte er, „nein”.", ["„Ja“", "„nein”"]),
        ("「はい」と言った。", ["「はい」"]),
        ('She said "yes" and "no".', ['"yes"', '"no"']),
        ("The 5\" pipe's end", []),
        ("‘It’s late,’ he said. ‘’Tis so.’", ["‘It’s late,’", "‘’Tis so.’"]),
        ("‘Rock ’n’ roll!’ she cried", ["‘Rock ’n’ roll!’"]),
        ("The boys’ own don’t.", []),
        ("“He said ‘no’ to me,” said Ann.", ["“He said ‘no’ to me,”"]),
        ("“It goes on", ["“It goes on"]),
        ("", []),
    ],
)
def test_what_is_in_quotation_marks(text, quoted):
    found = stretches([text])[0]
    assert [part.text.strip() for part in found if part.quoted] == quoted
    assert "".join(part.text for part in found).replace(" ", "") == text.replace(" ", "")


def test_single_marks_are_apostrophes_where_there_are_double_ones():
    _, second = stretches(["“Yes.”", "‘Tis the boys’ own"])
    assert [part.quoted for part in second] == [False]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("“It turns,” said Ann.", "Ann"),
        ("“It turns,” Ann quietly said.", "Ann"),
        ("Ann asked: “Does it?”", "Ann"),
        ("„Ja“, sagte Ann.", "Ann"),
        ("“Said Ann”, he wrote.", ""),
        ("“It turns,” said Anna.", ""),
        ("“It turns.” Ann left.", ""),
    ],
)
def test_who_speaks(text, name):
    assert speaker_of(stretches([text])[0], ["Ann", "Mary Ann"]) == name


def test_a_paragraph_is_parted_between_its_readers():
    casting = Casting(TELLER, {}, OTHERS, {"Ann": ANN})
    found = book("“It turns,” said Ann, “whenever.”", "“Why?” “So.”", "It turned.")
    passages = list(Manuscript(casting).passages(1, found.chapters[0]))
    assert [(p.text, p.reader) for p in passages] == [
        ("“It turns,”", ANN),
        ("said Ann,", TELLER),
        ("“whenever.”", ANN),
        ("“Why?” “So.”", OTHERS),
        ("It turned.", TELLER),
    ]
    assert [p.pause_s for p in passages] == [0.12, 0.12, 0.7, 0.7, 0.7]


def test_one_voice_leaves_paragraphs_whole():
    found = book("“It turns,” said Ann.")
    (passage,) = Manuscript(Casting(TELLER, {2: ANN})).passages(1, found.chapters[0])
    (other,) = Manuscript(Casting(TELLER, {2: ANN})).passages(2, found.chapters[1])
    assert (passage.reader, other.reader) == (TELLER, ANN)
    assert passage.text == "“It turns,” said Ann."


def test_a_cast_file(tmp_path):
    (tmp_path / "ann.safetensors").write_bytes(b"")
    (tmp_path / "me.wav").write_bytes(b"")
    (tmp_path / "c.toml").write_text(
        'voice = "kathleen"\n[chapters."2-"]\nvoice = { ref = "me.wav", transcript = "Words." }\n'
        'speed = 0.9\n[chapters.One]\nvoice = "x"\n[dialogue]\nvoice = "y"\n'
        '[dialogue.characters]\nAnn = "ann.safetensors"\n'
    )
    found = read(tmp_path / "c.toml", book("Text."))
    assert found.narrator == Reader("kathleen")
    assert found.chapters == {
        2: Reader("", str(tmp_path / "me.wav"), "Words.", 0.9),
        1: Reader("x"),
    }
    assert found.dialogue == Reader("y")
    assert found.characters == {"Ann": Reader(str(tmp_path / "ann.safetensors"))}


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("voise = 'x'", "voise"),
        ("voice = 3", "voice is 3"),
        ("[chapters.7]\nvoice = 'x'", "no chapters 7"),
        ("[chapters.Three]\nvoice = 'x'", "is not a list of chapters"),
        ("[chapters.1]\nname = 'x'", "name is not known"),
        ("chapters = 3", "chapters is 3"),
        ("speed = 0", "speed is 0"),
        ("voice = { ref = 'no.wav' }", "no recording"),
        ("voice = { voice = 'a', ref = 'b' }", "a name and a ref"),
        ("voice = { wav = 'a' }", "'wav'"),
        ("[dialogue.characters]\nAnn = 3", "Ann"),
    ],
)
def test_cast_files_that_are_wrong(tmp_path, table, says):
    (tmp_path / "c.toml").write_text(table)
    with pytest.raises(ConfigError, match=says):
        read(tmp_path / "c.toml", book("Text."))
