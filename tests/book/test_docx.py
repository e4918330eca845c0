"""Word documents, written by the tests themselves."""

from __future__ import annotations

import zipfile

import pytest

from vivavoce.book import Reading, read
from vivavoce.errors import BookError

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
STYLES = (
    f"<w:styles {W}><w:docDefaults><w:rPrDefault><w:rPr><w:lang w:val='en-GB'/></w:rPr>"
    "</w:rPrDefault></w:docDefaults><w:style w:styleId='Kop1'><w:pPr><w:outlineLvl w:val='0'/>"
    "</w:pPr></w:style><w:style w:styleId='Mine'><w:basedOn w:val='Kop1'/></w:style>"
    "<w:style w:styleId='Loop'><w:basedOn w:val='Loop'/></w:style></w:styles>"
)
CORE = (
    '<c:p xmlns:c="c" xmlns:dc="d"><dc:title>The Mill</dc:title><dc:creator>A. Writer</dc:creator>'
    "<created>2020-05-01T00:00:00Z</created></c:p>"
)


def run(text: str) -> str:
    return f'<w:r><w:t xml:space="preserve">{text}</w:t></w:r>'


def paragraph(*content: str, style: str = "") -> str:
    named = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{named}{''.join(content)}</w:p>"


def docx(path, *blocks, more=None):
    with zipfile.ZipFile(path, "w") as archive:
        body = "".join(blocks)
        archive.writestr(
            "word/document.xml", f"<w:document {W}><w:body>{body}</w:body></w:document>"
        )
        for name, text in (more or {}).items():
            archive.writestr(name, text)
    return path


def texts(found):
    return [(c.title, [p.text for p in c.paragraphs]) for c in found.chapters]


def test_headings_by_their_level_and_facts(tmp_path):
    path = docx(
        tmp_path / "x.docx",
        paragraph(run("One"), style="Kop1"),
        paragraph(run("It "), run("turns.")),
        paragraph(run("* * *")),
        paragraph(run("Looped."), style="Loop"),
        paragraph(run("Two"), style="Mine"),
        paragraph(
            "<w:hyperlink>", run("Linked"), "</w:hyperlink>", "<w:r><w:tab/></w:r>", run("text.")
        ),
        more={"word/styles.xml": STYLES, "docProps/core.xml": CORE},
    )
    found = read(path)
    assert texts(found) == [
        ("One", ["One", "It turns.", "Looped."]),
        ("Two", ["Two", "Linked text."]),
    ]
    assert (found.title, found.authors, found.language) == ("The Mill", ("A. Writer",), "en-GB")
    assert found.date == "2020-05-01"
    assert found.chapters[0].paragraphs[1].pause_s == 1.5


def test_what_is_deleted_or_stands_twice(tmp_path):
    box = (
        '<mc:AlternateContent xmlns:mc="m"><mc:Choice><w:txbxContent>'
        f"{paragraph(run('Box.'))}</w:txbxContent></mc:Choice><mc:Fallback><w:txbxContent>"
        f"{paragraph(run('Box.'))}</w:txbxContent></mc:Fallback></mc:AlternateContent>"
    )
    path = docx(
        tmp_path / "x.docx",
        paragraph(
            "<w:ins>", run("New "), "</w:ins><w:del>", run("old "), "</w:del>", run("words.")
        ),
        paragraph("<w:r><w:instrText>PAGE</w:instrText></w:r>", run("Seven")),
        paragraph("<w:r>", box, "</w:r>"),
        f"<w:sdt><w:sdtContent>{paragraph(run('Inside.'))}</w:sdtContent></w:sdt>",
        f"<w:tbl><w:tr><w:tc>{paragraph(run('Salt'))}</w:tc></w:tr></w:tbl>",
    )
    (chapter,) = read(path).chapters
    assert [p.text for p in chapter.paragraphs][-4:] == ["New words.", "Seven", "Box.", "Inside."]
    assert [(s.kind, s.text) for s in chapter.skipped] == [("table", "Salt")]


def test_notes_and_pictures_are_read_when_asked_for(tmp_path):
    note = f"<w:footnote w:id='2'>{paragraph(run('A note.'))}</w:footnote>"
    notes = f"<w:footnotes {W}>{note}</w:footnotes>"
    path = docx(
        tmp_path / "x.docx",
        paragraph(run("Text."), "<w:r><w:footnoteReference w:id='2'/></w:r>"),
        paragraph("<w:r><w:drawing><wp:docPr xmlns:wp='p' descr='A mill'/></w:drawing></w:r>"),
        more={"word/footnotes.xml": notes},
    )
    (chapter,) = read(path).chapters
    assert "A note." not in chapter.text
    assert [(s.kind, s.text) for s in chapter.skipped] == [("image", "A mill")]
    (chapter,) = read(path, Reading(notes=True, alt=True)).chapters
    assert [p.text for p in chapter.paragraphs][-2:] == ["Text. A note.", "A mill"]


def test_damaged_bytes_are_a_typed_error_or_a_book(tmp_path):
    blocks = paragraph(run("One"), style="Kop1"), paragraph(run("It turns."))
    whole = docx(tmp_path / "x.docx", *blocks, more={"word/styles.xml": STYLES}).read_bytes()
    path, outcomes = tmp_path / "d.docx", set()
    for place in range(0, len(whole), 3):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x5A]) + whole[place + 1 :])
        try:
            outcomes.add(type(read(path)).__name__)
        except BookError:
            outcomes.add("BookError")
    assert outcomes == {"Book", "BookError"}


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04rubbish", b"\xd0\xcf\x11\xe0"])
def test_files_that_are_none(tmp_path, data):
    (tmp_path / "x.docx").write_bytes(data)
    with pytest.raises(BookError):
        read(tmp_path / "x.docx")


def test_damage_is_a_typed_error(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.docx", "w") as archive:
        archive.writestr("other.xml", "<a/>")
    with pytest.raises(BookError, match="not a Word document"):
        read(tmp_path / "x.docx")
    with zipfile.ZipFile(tmp_path / "y.docx", "w") as archive:
        archive.writestr("word/document.xml", '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>')
    with pytest.raises(BookError, match="entity"):
        read(tmp_path / "y.docx")
    with pytest.raises(BookError, match="no text"):
        read(docx(tmp_path / "z.docx"))


def test_a_document_with_a_password(tmp_path):
    path = tmp_path / "x.docx"
    path.write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600))
    with pytest.raises(BookError, match="has a password"):
        read(path)


def test_footnotes_and_endnotes_have_numbers_of_their_own(tmp_path):
    def notes(kind, text):
        return f'<w:{kind}s {W}><w:{kind} w:id="1">{paragraph(run(text))}</w:{kind}></w:{kind}s>'

    path = docx(
        tmp_path / "x.docx",
        paragraph(run("First."), '<w:r><w:footnoteReference w:id="1"/></w:r>'),
        paragraph(run("Second."), '<w:r><w:endnoteReference w:id="1"/></w:r>'),
        more={
            "word/footnotes.xml": notes("footnote", "Foot."),
            "word/endnotes.xml": notes("endnote", "End."),
        },
    )
    ((_, said),) = texts(read(path, Reading(notes=True)))
    assert said == ["x", "First. Foot.", "Second. End."]
