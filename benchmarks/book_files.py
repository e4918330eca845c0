"""Damaged and hostile EPUB files: each gives a plan or a typed error, in bounded time and memory.

  python -m benchmarks.book_files                          # 1,000 files
  python -m benchmarks.book_files --count 10000 --seed 1
  python -m benchmarks.book_files --expected FOLDER        # books with expected.json beside them

Prints what was raised how often, the longest time and the largest memory. Exit 1 if something else
than BookError was raised, or a file took more than 2 s of processor time or 500 MB.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.novels import paragraph
from benchmarks.processes import PROGRAM, written
from vivavoce.book import read
from vivavoce.errors import BookError

MOST_S, MOST_MB = 2.0, 500
Mutation = Callable[[random.Random, bytes], bytes]
CONTAINER = "META-INF/container.xml"
SPLICES = (
    b"\0", b"<", b">", b"&", b"]]>", b"<!--", b"<![CDATA[", b'"', b"&#x110000;", b"&#0;",
    b"\xff\xfe", b"\xed\xa0\x80", b"<p>" * 300, b"</div>" * 200, b"../" * 40,
    b"<ol start='99999999999'>",
    b"<ruby><rt>", b"<sup><a href='#x'>", b"&lol9;", b"<br/>" * 500, b"A" * 5000, b"<table>" * 200,
)  # fmt: skip


def source() -> bytes:
    """An EPUB with nav and NCX, notes, tables, ruby, pictures and 6,000 words."""
    from tests.book.books import epub, nav, ncx, page, png

    draw = random.Random(7)
    pages = {}
    for number in range(1, 7):
        text = "".join(f"<p id='p{n}'>{paragraph(draw, 6)}</p>" for n in range(12))
        extra = (
            "<p>T<small>HE MILL</small><sup><a epub:type='noteref' href='#n'>1</a></sup></p>"
            "<table><tr><td>Salt</td><td>2</td></tr></table><pre>x = 1</pre><hr/>"
            "<ol start='3'><li>one</li><li>two</li></ol><ruby>漢<rt>かん</rt></ruby>"
            "<aside epub:type='footnote' id='n'>A note.</aside><img src='c.png' alt='A mill'/>"
        )
        pages[f"{number}.xhtml"] = page(f"<h1 id='t'>Chapter {number}</h1>{text}{extra}")
    links = [(f"Chapter {n}", f"{n}.xhtml#t") for n in range(1, 7)]
    with tempfile.TemporaryDirectory() as folder:
        more: dict[str, str | bytes] = {"OPS/toc.ncx": ncx(*links)}
        path = epub(Path(folder) / "x.epub", pages, nav(*links), cover=png(), more=more)
        return path.read_bytes()


def flipped(draw: random.Random, data: bytes) -> bytes:
    """Bits of the archive itself."""
    found = bytearray(data)
    for _ in range(draw.choice((1, 3, 20, 300))):
        found[draw.randrange(len(found))] ^= 1 << draw.randrange(8)
    return bytes(found)


def cut(draw: random.Random, data: bytes) -> bytes:
    begin, end = sorted(draw.randrange(len(data)) for _ in range(2))
    return draw.choice(
        (data[:end], data[begin:], data[:begin] + data[end:], data + data[begin:end])
    )


def repacked(data: bytes, change: Callable[[str, bytes], tuple[str, bytes] | None]) -> bytes:
    """The archive with other entries."""
    made = io.BytesIO()
    warnings.simplefilter("ignore")  # names that stand twice
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w", 8) as new:
        for name in old.namelist():
            changed = change(name, old.read(name))
            if changed:
                new.writestr(*changed)
    return made.getvalue()


def spliced(draw: random.Random, data: bytes) -> bytes:
    """Markup within one entry damaged."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        chosen = draw.choice(archive.namelist())

    def change(name: str, content: bytes) -> tuple[str, bytes]:
        if name != chosen:
            return name, content
        found = bytearray(content)
        for _ in range(draw.choice((1, 2, 8))):
            at = draw.randrange(len(found) + 1)
            end = min(len(found), at + draw.choice((0, 0, 1, 30, 400)))
            found[at:end] = draw.choice(SPLICES)
        return name, bytes(found)

    return repacked(data, change)


def renamed(draw: random.Random, data: bytes) -> bytes:
    """Entries missing, moved, twice, or with names from elsewhere."""
    names = ("../../x", "/etc/passwd", "C:\\x", "a" * 3000, "OPS/\0x", ".", "OPS/1.xhtml")

    def change(name: str, content: bytes) -> tuple[str, bytes] | None:
        if draw.random() > 0.2:
            return name, content
        return draw.choice((None, (draw.choice(names), content), (name.upper(), content)))

    return repacked(data, change)


def bomb(draw: random.Random, data: bytes) -> bytes:
    """Entries that unpack to much, entities that grow, depth, many files."""
    kind = draw.randrange(5)
    lol = "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 10))
    entities = f"<!DOCTYPE x [<!ENTITY l0 'ha'>{lol}]><container>&l9;</container>"
    files = "<!DOCTYPE x [<!ENTITY f SYSTEM 'file:///etc/passwd'>]><container>&f;</container>"

    def change(name: str, content: bytes) -> tuple[str, bytes]:
        if kind == 0 and name.endswith("1.xhtml"):
            return name, b"<p>" + b" " * draw.choice((1 << 20, 20 << 20, 60 << 20))
        if kind in (1, 2) and name == CONTAINER:
            return name, (entities if kind == 1 else files).encode()
        if kind == 3 and name.endswith((".xhtml", ".opf")):
            return name, b"<div>" * draw.choice((100, 5_000, 200_000)) + content
        if kind == 4 and name.endswith("2.xhtml"):
            return name, b"<p>x</p>" * draw.choice((1_000, 100_000, 400_000))
        return name, content

    return repacked(data, change)


MUTATIONS: tuple[tuple[Mutation, int], ...] = (
    (flipped, 40), (cut, 20), (spliced, 25), (renamed, 13), (bomb, 2),
)  # fmt: skip


def outcome(path: Path) -> str:
    """What reading gives: a plan, or the error's name."""
    try:
        book = read(path)
        json.dumps([[chapter.title, chapter.text] for chapter in book.chapters])
    except BookError:
        return "BookError"
    return "plan"


def mutants(count: int, seed: int) -> dict[str, Any]:
    draw, data = random.Random(seed), source()
    kinds, weights = zip(*MUTATIONS, strict=True)
    found: Counter[str] = Counter()
    slowest, faults = (0.0, ""), []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.epub"
        for number in range(count):
            mutation = draw.choices(kinds, weights)[0]
            name = f"{mutation.__name__} {number}"
            path.write_bytes(mutation(draw, data))
            begin = time.process_time()
            try:
                found[f"{mutation.__name__}: {outcome(path)}"] += 1
            except Exception:  # noqa: BLE001 - what this looks for
                faults.append(f"{name}: {traceback.format_exc(limit=-2)}")
            slowest = max(slowest, (time.process_time() - begin, name))
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    holds = not faults and slowest[0] <= MOST_S and peak_mb <= MOST_MB
    table = {"files": count, "seed": seed, "outcomes": dict(sorted(found.items()))}
    return table | {"slowest": slowest, "peak_mb": peak_mb, "faults": faults[:5], "holds": holds}


def expected(folder: Path) -> dict[str, Any]:
    """By the check that stands beside the books."""
    command = [sys.executable, str(folder / "check_book.py"), "plan", str(folder), *PROGRAM]
    command += ["book", "FILE", "--plan", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return {"said": done.stdout.splitlines(), "holds": done.returncode == 0}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--expected", type=Path, metavar="FOLDER")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found = {"mutants": mutants(given.count, given.seed)}
    if given.expected:
        found["expected"] = expected(given.expected)
    written(found, given.json)
    return 0 if all(each["holds"] for each in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
