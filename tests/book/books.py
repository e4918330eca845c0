"""Small EPUB files, written by the tests themselves."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OPS/p.opf" media-type="application/oebps-package+xml"/>'
    "</rootfiles></container>"
)
NCX = "application/x-dtbncx+xml"


def page(body: str, head: str = "", attributes: str = "") -> str:
    return (
        '<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops" '
        f'lang="en"><head><title/>{head}</head><body {attributes}>{body}</body></html>'
    )


def nav(*links: tuple[str, str]) -> str:
    items = "".join(f'<li><a href="{href}">{title}</a></li>' for title, href in links)
    return page(f'<nav epub:type="toc"><ol>{items}</ol></nav>')


def ncx(*links: tuple[str, str]) -> str:
    points = "".join(
        f"<navPoint><navLabel><text>{title}</text></navLabel><content src='{href}'/></navPoint>"
        for title, href in links
    )
    return f"<ncx><navMap>{points}</navMap></ncx>"


def png(width: int = 2, height: int = 3) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + b"\x7f" * width for _ in range(height)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def epub(
    path: Path,
    pages: dict[str, str],
    contents: str = "",
    *,
    metadata: str = "<dc:title>A Book</dc:title><dc:creator>A. Writer</dc:creator>"
    "<dc:language>en</dc:language>",
    guide: str = "",
    cover: bytes = b"",
    more: dict[str, str | bytes] | None = None,
) -> Path:
    """An EPUB whose spine has the pages in order; `contents` is a nav page or an NCX."""
    old = contents.startswith("<ncx")
    kind, properties = (NCX, "") if old else ("application/xhtml+xml", 'properties="nav"')
    items = "".join(
        f'<item id="{name}" href="{name}" media-type="application/xhtml+xml"/>' for name in pages
    )
    items += f'<item id="contents" href="contents" media-type="{kind}" {properties}/>'
    items += '<item id="pic" href="c.png" media-type="image/png" properties="cover-image"/>'
    spine = "".join(f'<itemref idref="{name}"/>' for name in pages)
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" xmlns:opf="http://www.idpf.org/2007/opf">'
        f'<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">{metadata}</metadata>'
        f'<manifest>{items}</manifest><spine toc="contents">{spine}</spine>'
        f"<guide>{guide}</guide></package>"
    )
    files: dict[str, str | bytes] = {"META-INF/container.xml": CONTAINER, "OPS/p.opf": package}
    files |= {f"OPS/{name}": text for name, text in pages.items()}
    if contents:
        files["OPS/contents"] = contents
    if cover:
        files["OPS/c.png"] = cover
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in (files | (more or {})).items():
            archive.writestr(name, data)
    return path


def novel(path: Path) -> Path:
    """Two short chapters and a cover."""
    pages = {
        "1.xhtml": page("<h1>The Mill</h1><p>The mill stood by the river.</p><p>It was old.</p>"),
        "2.xhtml": page("<h1>The Weir</h1><p>Water fell all night.</p>"),
    }
    contents = nav(("The Mill", "1.xhtml"), ("The Weir", "2.xhtml"))
    return epub(path, pages, contents, cover=png())
