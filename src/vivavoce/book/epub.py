"""EPUB 2 and 3: package, contents and pages -> a book. Standard library only."""

from __future__ import annotations

import contextlib
import posixpath
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from vivavoce.book import markup, tables
from vivavoce.book.archive import DAMAGED, LONGEST_PICTURE, Archive
from vivavoce.book.chapters import ContentsEntry, chapters
from vivavoce.book.characters import decoded, spoken
from vivavoce.book.markup import Document, Reading
from vivavoce.book.tables import Node
from vivavoce.book.tags import TagReader
from vivavoce.book.types import Book, Cover, LeftOut
from vivavoce.errors import BookError

CONTAINER = "META-INF/container.xml"
ENCRYPTION = "META-INF/encryption.xml"
HARMLESS = frozenset(
    {"http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"}
)  # fmt: skip
"""Ciphers for fonts, which are no protection of the text."""
LOCKS = {
    "META-INF/rights.xml": "Adobe",
    "META-INF/license.lcpl": "Readium LCP",
    "META-INF/sinf.xml": "Apple",
}
LONGEST_BOOK = 256 << 20
"""Bytes of a book within another archive."""
LONGEST_STYLE = 1 << 20
PAGES = frozenset({"application/xhtml+xml", "text/html", "text/x-oeb1-document"})
PICTURES = frozenset({"image/jpeg", "image/png"})
GUIDE = {"title-page": "titlepage", "copyright-page": "copyright-page"}
LANDMARKS = ("cover", "toc", "title-page", "copyright-page", "index", "bibliography", "colophon",
             "loi", "lot", "notes")  # fmt: skip


@dataclass(frozen=True)
class Item:
    """A file of the manifest."""

    path: str
    media_type: str
    properties: frozenset[str]


@dataclass
class Package:
    """The package document: what there is, in which order, and what it is about."""

    root: Node
    folder: str
    items: dict[str, Item] = field(default_factory=dict)

    def path(self, href: str) -> str:
        return _resolved(self.folder, href)[0]

    def with_property(self, name: str) -> Item | None:
        return next((item for item in self.items.values() if name in item.properties), None)


def read(path: Path, reading: Reading | None = None) -> Book:
    """The book in an EPUB file. Raises BookError: damaged, locked by DRM, nothing to read."""
    with _opened(path) as archive:
        package = _package(archive)
        _require_open(archive, package)
        documents, unread = _documents(archive, package, reading or Reading())
        about = _Metadata(package.root)
        contents = _contents(archive, package)
        found, left_out = chapters(documents, contents, about.title or path.stem)
        if not found:
            raise BookError(f"{path} holds no text to read aloud.", "It may contain only images.")
        return Book(
            about.title or path.stem,
            about.authors,
            tuple(found),
            about.one("language"),
            _cover(archive, package),
            about.one("date"),
            about.one("publisher"),
            about.one("description"),
            tuple(unread + left_out),
        )


def _opened(path: Path) -> Archive:
    """The archive of the book; also one in a folder of it, or a book in a .zip file."""
    archive = Archive(path)
    if CONTAINER in archive:
        return archive
    folders = [name.removesuffix(CONTAINER) for name in archive.names if name.endswith(CONTAINER)]
    if len(folders) == 1 and folders[0].count("/") == 1:
        archive.enter(folders[0])
        return archive
    books = [name for name in archive.names if name.lower().endswith(".epub")]
    books = [name for name in books if not name.startswith("__MACOSX/")]
    if len(books) != 1:
        return archive
    with archive:
        return Archive(path, archive.read(books[0], LONGEST_BOOK))


def _package(archive: Archive) -> Package:
    if CONTAINER not in archive:
        raise BookError(f"{archive.path} is not an EPUB: it has no {CONTAINER}.", DAMAGED)
    container = tables.parse(archive.text(CONTAINER), CONTAINER)
    rootfile = container.first("rootfile")
    name = rootfile.get("full-path") if rootfile else ""
    package = Package(tables.parse(archive.text(name), name), posixpath.dirname(name))
    for item in package.root.all("item"):
        kind, properties = item.get("media-type"), frozenset(item.get("properties").split())
        path = package.path(item.get("href"))
        written = posixpath.normpath(posixpath.join(package.folder, item.get("href")))
        path = written if path not in archive and written in archive else path
        package.items[item.get("id")] = Item(path, kind, properties)
    return package


def _require_open(archive: Archive, package: Package) -> None:
    """Raises BookError, which says whose lock it is, when a page of the text is encrypted.

    Fonts and films may be: they are not read.
    """
    if ENCRYPTION not in archive:
        return
    table = tables.parse(archive.text(ENCRYPTION), ENCRYPTION)
    pages = {item.path for item in package.items.values() if item.media_type in PAGES}
    for locked in table.all("EncryptedData"):
        method, place = locked.first("EncryptionMethod"), locked.first("CipherReference")
        name = _resolved("", place.get("URI"))[0] if place else ""
        harmless = method is not None and method.get("Algorithm") in HARMLESS
        if not harmless and (place is None or name in pages):
            break
    else:
        return
    owner = next((who for name, who in LOCKS.items() if name in archive), "")
    by = f" of {owner}" if owner else ""
    raise BookError(f"{archive.path} is encrypted: it has DRM{by}.", "Give a copy without DRM.")


def _documents(
    archive: Archive, package: Package, reading: Reading
) -> tuple[list[Document], list[LeftOut]]:
    """The pages of the spine, in order."""
    marked = _guide(package)
    hidden = _hidden_classes(archive, package)
    found: list[Document] = []
    left_out: list[LeftOut] = []
    seen: set[str] = set()
    for reference in package.root.all("itemref"):
        item = package.items.get(reference.get("idref"))
        if item is None or item.path in seen or item.media_type not in PAGES:
            continue
        seen.add(item.path)
        if reference.get("linear") == "no":
            left_out.append(LeftOut(item.path, "outside the order of reading"))
            continue
        if item.path not in archive:
            left_out.append(LeftOut(item.path, "missing in the file"))
            continue
        document = markup.read(decoded(archive.text(item.path)), item.path, reading, hidden)
        document.types |= marked.get(item.path, frozenset())
        if "nav" in item.properties:
            document.types |= {"toc"}
        found.append(document)
    return found, left_out


def _hidden_classes(archive: Archive, package: Package) -> frozenset[str]:
    """Of all style sheets; one that is damaged or too long hides nothing."""
    found: frozenset[str] = frozenset()
    for item in package.items.values():
        if item.media_type == "text/css" and item.path in archive:
            with contextlib.suppress(BookError):
                found |= markup.hidden_classes(decoded(archive.read(item.path, LONGEST_STYLE)))
    return found


def _guide(package: Package) -> dict[str, frozenset[str]]:
    """What an EPUB 2 says of its files."""
    found: dict[str, frozenset[str]] = {}
    guide = package.root.first("guide")
    for reference in guide.all("reference") if guide else []:
        kind = reference.get("type").lower()
        if kind in LANDMARKS:
            found[package.path(reference.get("href"))] = frozenset({GUIDE.get(kind, kind)})
    return found


def _contents(archive: Archive, package: Package) -> list[ContentsEntry]:
    """By the navigation page of EPUB 3, else by the NCX of EPUB 2; empty without any."""
    nav = package.with_property("nav")
    if nav and nav.path in archive:
        parser = _Navigation(posixpath.dirname(nav.path))
        parser.read(decoded(archive.text(nav.path)))
        if parser.entries:
            return parser.entries
    spine = package.root.first("spine")
    ncx = package.items.get(spine.get("toc")) if spine else None
    kinds = [i for i in package.items.values() if i.media_type == "application/x-dtbncx+xml"]
    ncx = ncx or next(iter(kinds), None)
    if ncx is None or ncx.path not in archive:
        return []
    root = tables.parse(archive.text(ncx.path), ncx.path)
    points = root.first("navMap")
    return _points(points, posixpath.dirname(ncx.path), 1) if points else []


def _points(parent: Node, folder: str, level: int) -> list[ContentsEntry]:
    found: list[ContentsEntry] = []
    for point in (child for child in parent.children if child.tag == "navPoint"):
        label = next((c.text for c in point.children if c.tag == "navLabel"), "")
        content = next((c for c in point.children if c.tag == "content"), None)
        if content is not None:
            found.append(_entry(label, folder, content.get("src"), level))
        found += _points(point, folder, level + 1)
    return found


class _Navigation(TagReader):
    """The links of `<nav epub:type="toc">`; `level` counts the lists around one."""

    def __init__(self, folder: str) -> None:
        self.entries: list[ContentsEntry] = []
        self._folder, self._inside, self._level = folder, False, 0
        self._href: str | None = None
        self._label: list[str] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        given = attributes
        if tag == "nav":
            kinds = {*given.get("epub:type", "").split(), *given.get("role", "").split()}
            self._inside = bool(kinds & {"toc", "doc-toc"})
        elif self._inside and tag == "ol":
            self._level += 1
        elif self._inside and tag == "a":
            self._href, self._label = given.get("href"), []

    def end(self, tag: str) -> None:
        if tag == "nav":
            self._inside = False
        elif self._inside and tag == "ol":
            self._level -= 1
        elif self._inside and tag == "a" and self._href:
            label = "".join(self._label)
            self.entries.append(_entry(label, self._folder, self._href, max(1, self._level)))
            self._href = None

    def text(self, data: str) -> None:
        self._label.append(data)


def _entry(label: str, folder: str, href: str, level: int) -> ContentsEntry:
    path, anchor = _resolved(folder, href)
    return ContentsEntry(spoken(label), path, anchor, level)


def _resolved(folder: str, href: str) -> tuple[str, str]:
    """The path in the archive and the anchor that a link names."""
    path, _, anchor = href.partition("#")
    return posixpath.normpath(posixpath.join(folder, unquote(path))), unquote(anchor)


class _Metadata:
    def __init__(self, root: Node) -> None:
        self._node = root.first("metadata") or Node("metadata")
        self._refined: dict[tuple[str, str], str] = {}
        for meta in self._node.all("meta"):
            about = meta.get("refines").removeprefix("#")
            if about:
                self._refined[about, meta.get("property")] = meta.text

    def one(self, name: str) -> str:
        return next((node.text for node in self._node.all(name) if node.text), "")

    @property
    def title(self) -> str:
        titles = [node for node in self._node.all("title") if node.text]
        main = [n for n in titles if self._refined.get((n.get("id"), "title-type")) == "main"]
        return (main or titles)[0].text if titles else ""

    @property
    def authors(self) -> tuple[str, ...]:
        """Creators without another role than that of an author."""
        found = []
        for node in self._node.all("creator"):
            role = node.get("role") or self._refined.get((node.get("id"), "role"), "aut")
            if role == "aut" and node.text:
                found.append(node.text)
        return tuple(found)


def _cover(archive: Archive, package: Package) -> Cover | None:
    """The picture that the package names as cover; None where there is none that can be used."""
    named = [m.get("content") for m in package.root.all("meta") if m.get("name") == "cover"]
    item = package.with_property("cover-image") or next(
        (package.items[name] for name in named if name in package.items), None
    )
    if item is None or item.media_type not in PICTURES or item.path not in archive:
        return None
    return Cover(archive.read(item.path, LONGEST_PICTURE), item.media_type)
