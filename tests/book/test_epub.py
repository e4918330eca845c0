"""EPUB files as books: chapters, metadata, what is left out, and what is refused."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.book.books import epub, nav, ncx, novel, page, png
from vivavoce.book import Reading, read
from vivavoce.errors import BookError, UsageError

LOCK = "<encryption><EncryptedData><EncryptionMethod Algorithm='{}'/></EncryptedData></encryption>"


def texts(path: Path, **how: object) -> list[list[str]]:
    return [[p.text for p in c.paragraphs] for c in read(path, Reading(**how)).chapters]  # type: ignore[arg-type]


def test_a_novel(tmp_path):
    book = read(novel(tmp_path / "n.epub"))
    assert (book.title, book.authors, book.language) == ("A Book", ("A. Writer",), "en")
    assert book.cover is not None
    assert (book.cover.data, book.cover.media_type) == (png(), "image/png")
    assert [c.title for c in book.chapters] == ["The Mill", "The Weir"]
    assert book.chapters[0].text == "The Mill\n\nThe mill stood by the river.\n\nIt was old."
    assert book.words == 17
    assert book.chapters[1].source == "OPS/2.xhtml"


def test_ncx_cuts_a_file_at_its_anchors(tmp_path):
    body = "<h2 id='a'>One</h2><p>First.</p><h2 id='b'>Two</h2><p>Second.</p>"
    contents = ncx(("One", "t.xhtml#a"), ("Two", "t.xhtml#b"))
    path = epub(tmp_path / "n.epub", {"t.xhtml": page(body)}, contents)
    assert texts(path) == [["One", "First."], ["Two", "Second."]]


def test_a_number_above_the_anchor_belongs_to_the_chapter(tmp_path):
    body = "<p>1</p><h2 id='a'>One</h2><p>First.</p>"
    path = epub(tmp_path / "n.epub", {"t.xhtml": page(body)}, nav(("One", "t.xhtml#a")))
    assert texts(path) == [["1", "One", "First."]]


def test_files_without_an_entry_go_on_with_the_chapter(tmp_path):
    pages = {"1": page("<p>One.</p>"), "2": page("<p>More.</p>"), "3": page("<p>Two.</p>")}
    path = epub(tmp_path / "n.epub", pages, nav(("A", "1"), ("B", "3")))
    assert texts(path) == [["A", "One.", "More."], ["B", "Two."]]


def test_links_are_decoded_and_looked_for_by_name(tmp_path):
    pages = {"a b.xhtml": page("<p>One.</p>")}
    path = epub(tmp_path / "n.epub", pages, nav(("A", "elsewhere/a%20b.xhtml")))
    assert [c.title for c in read(path).chapters] == ["A"]


def test_without_contents_headings_part_the_text(tmp_path):
    pages = {"1": page("<h1>A</h1><p>One.</p><h1>B</h1><p>Two.</p>"), "2": page("<p>More.</p>")}
    path = epub(tmp_path / "n.epub", pages)
    assert texts(path) == [["A", "One."], ["B", "Two.", "More."]]


def test_without_headings_files_part_it(tmp_path):
    pages = {"1": page("<p>One.</p>"), "2": page("<p>Two.</p>")}
    path = epub(tmp_path / "n.epub", pages)
    assert [c.paragraphs[-1].text for c in read(path).chapters] == ["One.", "Two."]


@pytest.mark.parametrize(
    ("attributes", "guide"),
    [
        ('epub:type="copyright-page"', ""),
        ('role="doc-index"', ""),
        ("", '<reference type="copyright-page" href="c"/>'),
    ],
)
def test_parts_are_left_out_by_their_type(tmp_path, attributes, guide):
    pages = {"c": page("<p>ISBN 12.</p>", attributes=attributes), "1": page("<p>One.</p>")}
    contents = nav(("Copyright", "c"), ("A", "1"))
    book = read(epub(tmp_path / "n.epub", pages, contents, guide=guide))
    assert [c.title for c in book.chapters] == ["A"]
    assert [(each.source, each.reason[:11]) for each in book.left_out] == [("OPS/c", "its type is")]


def test_what_stands_before_the_contents_is_left_out(tmp_path):
    pages = {"0": page("<p>Ads.</p>"), "1": page("<p>A long first chapter.</p>")}
    book = read(epub(tmp_path / "n.epub", pages, nav(("A", "1"))))
    assert [each.source for each in book.left_out] == ["OPS/0"]


def test_only_authors_are_authors(tmp_path):
    metadata = (
        '<dc:title id="s">Sub</dc:title><dc:title id="m">Main</dc:title>'
        '<meta refines="#m" property="title-type">main</meta>'
        '<dc:creator opf:role="ill">P.</dc:creator><dc:creator id="w">W.</dc:creator>'
        '<meta refines="#w" property="role">aut</meta>'
    )
    book = read(epub(tmp_path / "n.epub", {"1": page("<p>One.</p>")}, metadata=metadata))
    assert (book.title, book.authors) == ("Main", ("W.",))


def test_the_text_is_in_the_language_of_its_page(tmp_path):
    text = page("<p>Eins.</p>").replace('lang="en"', 'xml:lang="de"')
    book = read(epub(tmp_path / "n.epub", {"1": text}))
    assert book.chapters[0].language == "de"


@pytest.mark.parametrize(
    ("mark", "owner"),
    [
        ("META-INF/rights.xml", " of Adobe"),
        ("META-INF/license.lcpl", " of Readium LCP"),
        ("x", ""),
    ],
)
def test_drm_is_named(tmp_path, mark, owner):
    more = {"META-INF/encryption.xml": LOCK.format("aes128-cbc"), mark: "<rights/>"}
    path = epub(tmp_path / "n.epub", {"1": page("<p>One.</p>")}, more=more)
    with pytest.raises(BookError, match=f"is encrypted: it has DRM{owner}\\."):
        read(path)


def test_hidden_fonts_are_no_drm(tmp_path):
    more = {"META-INF/encryption.xml": LOCK.format("http://www.idpf.org/2008/embedding")}
    path = epub(tmp_path / "n.epub", {"1": page("<p>One.</p>")}, more=more)
    assert read(path).words == 3  # the title of the book, and the text


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..\\x", "C:/x"])
def test_names_outside_are_refused(tmp_path, name):
    path = epub(tmp_path / "n.epub", {"1": page("<p>One.</p>")}, more={name: "x"})
    with pytest.raises(BookError, match="outside"):
        read(path)


def test_entities_are_refused(tmp_path):
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + ncx(("&b;", "1"))
    path = epub(tmp_path / "n.epub", {"1": page("<p>One.</p>")}, ncx(("A", "1")))
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("OPS/contents", bomb)
    with pytest.raises(BookError, match="declares the entity 'a'"):
        read(path)


def test_a_text_beyond_all_reason_is_refused(tmp_path):
    path = epub(tmp_path / "n.epub", {"1": page("<p>One.</p>" + " " * (17 << 20))})
    with pytest.raises(BookError, match="bytes in 'OPS/1'"):
        read(path)


def test_nesting_beyond_all_reason_is_refused(tmp_path):
    with pytest.raises(BookError, match="nested too deeply"):
        read(epub(tmp_path / "n.epub", {"1": page("<div>" * 1000)}))


@pytest.mark.parametrize("keep", [0, 10, 300, -30])
def test_cut_off_files_are_refused(tmp_path, keep):
    path = novel(tmp_path / "n.epub")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(BookError, match="not a complete zip"):
        read(path)


def test_a_zip_of_something_else(tmp_path):
    path = tmp_path / "n.epub"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "x")
    with pytest.raises(BookError, match="not an EPUB"):
        read(path)


def test_damaged_bytes_are_a_typed_error_or_a_book(tmp_path):
    whole = novel(tmp_path / "n.epub").read_bytes()
    path = tmp_path / "d.epub"
    outcomes = set()
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x5A]) + whole[place + 1 :])
        try:
            outcomes.add(type(read(path)).__name__)
        except BookError:
            outcomes.add("BookError")
    assert outcomes == {"Book", "BookError"}


def test_nothing_to_read(tmp_path):
    with pytest.raises(BookError, match="no text"):
        read(epub(tmp_path / "n.epub", {"1": page("<img src='x'/>")}))


def test_other_files_are_refused(tmp_path):
    with pytest.raises(UsageError, match="Convert the book to EPUB"):
        read(tmp_path / "n.mobi")
    with pytest.raises(UsageError, match="not in a supported book format"):
        read(tmp_path / "n.xyz")
    with pytest.raises(UsageError, match="no file"):
        read(tmp_path / "n.epub")


def cipher(path: str) -> str:
    place = f"<CipherData><CipherReference URI='{path}'/></CipherData>"
    return LOCK.format("aes128-cbc").replace("</EncryptedData>", f"{place}</EncryptedData>")


def test_a_cipher_of_what_is_not_read_does_not_matter(tmp_path):
    pages = {"1.xhtml": page("<p>It was old.</p>")}
    more = {"META-INF/encryption.xml": cipher("OPS/font.otf")}
    assert read(epub(tmp_path / "a.epub", pages, more=more)).words == 5
    more = {"META-INF/encryption.xml": cipher("OPS/1.xhtml")}
    with pytest.raises(BookError, match="encrypted"):
        read(epub(tmp_path / "b.epub", pages, more=more))


def test_a_book_in_a_folder_or_in_an_archive(tmp_path):
    book = novel(tmp_path / "a.epub")
    with zipfile.ZipFile(book) as inner, zipfile.ZipFile(tmp_path / "b.epub", "w") as outer:
        for name in inner.namelist():
            outer.writestr(f"My Book/{name}", inner.read(name))
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as outer:
        outer.write(book, "a.epub")
    assert read(tmp_path / "b.epub") == read(book) == read(tmp_path / "c.zip")
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as outer:
        outer.writestr("a.txt", "x")
    with pytest.raises(BookError, match="not an EPUB"):
        read(tmp_path / "d.zip")


def test_a_class_that_a_style_sheet_hides(tmp_path):
    item = '<item id="s" href="s.css" media-type="text/css"/></manifest>'
    pages = {"1.xhtml": page("<p>It was old.</p><p class='gone'>x</p>")}
    path = epub(tmp_path / "a.epub", pages, more={"OPS/s.css": ".gone { display: none; }"})
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    files["OPS/p.opf"] = files["OPS/p.opf"].replace(b"</manifest>", item.encode())
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    assert [p.text for p in read(path).chapters[0].paragraphs][-1] == "It was old."


PARAGRAPHS = "".join(
    f"<p>Words of paragraph {n}, which are not few in number.</p>" for n in range(4)
)


def test_what_stands_before_the_first_heading_of_any_file_is_read(tmp_path):
    pages = {
        "a": page("<p>Preface words.</p>"),
        "b": page("<p>Before.</p><h1>One</h1><p>First.</p>"),
        "c": page("<h1>Two</h1><p>Second.</p>"),
    }
    book = read(epub(tmp_path / "n.epub", pages))
    assert [c.title for c in book.chapters] == ["One", "Two"]
    spoken = " ".join(p.text for c in book.chapters for p in c.paragraphs)
    assert "Preface words. Before. One First. Two Second." in spoken


def test_what_stands_above_the_first_anchor_is_left_out_with_a_word(tmp_path):
    text = page(PARAGRAPHS + "<h1 id='c1'>One</h1><p>First.</p><h1 id='c2'>Two</h1><p>Second.</p>")
    book = read(epub(tmp_path / "n.epub", {"1": text}, nav(("One", "1#c1"), ("Two", "1#c2"))))
    assert [c.title for c in book.chapters] == ["One", "Two"]
    assert [part.reason for part in book.left_out] == ["before the first chapter of the contents"]


@pytest.mark.parametrize("kind", ["copyright-page", "toc"])
@pytest.mark.parametrize("around", ["", '<section epub:type="chapter">'])
def test_a_typed_element_at_the_top_says_nothing_of_the_rest(tmp_path, kind, around):
    body = f'{around}<div epub:type="{kind}"><p>Some.</p></div><h1>One</h1><p>First.</p>'
    body += "</section>" if around else ""
    assert "First." in texts(epub(tmp_path / "n.epub", {"1": page(body)}))[0]


@pytest.mark.parametrize(
    ("title", "text", "said"),
    [
        ("I", "In the morning it rained.", True),
        ("One", "One day it rained.", True),
        ("II", "I was there too.", True),
        ("One", "One. It rained.", False),
        ("One", "ONE", False),
        ("The Mill", "The Mill: a story.", False),
    ],
)
def test_a_title_is_spoken_once(tmp_path, title, text, said):
    pages = {"1": page(f"<p>{text}</p><p>More of it.</p>")}
    (found,) = texts(epub(tmp_path / "n.epub", pages, nav((title, "1"))))
    assert found == [title, text, "More of it."][not said :]


def test_an_entry_of_a_part_left_out_names_no_other(tmp_path):
    pages = {
        "front/title": page("<h1>A Book</h1>", attributes='epub:type="titlepage"'),
        "text/title": page("<p>First.</p>"),
        "text/two": page("<p>Second.</p>"),
    }
    links = ("Title Page", "front/title"), ("One", "text/title"), ("Two", "text/two")
    book = read(epub(tmp_path / "n.epub", pages, nav(*links)))
    assert [c.title for c in book.chapters] == ["One", "Two"]
