"""`vivavoce book` as a user calls it."""

from __future__ import annotations

import json

import pytest

from tests.book.books import novel


@pytest.fixture
def source(here):
    return novel(here / "n.epub")


def test_the_plan_for_people(cli, source):
    found = cli("book", source, "--plan")
    assert found.code == 0
    assert "A Book by A. Writer" in found.out
    assert "1  The Mill" in found.out
    assert "17 words, about 0 min" in found.out


def test_the_plan_as_json_loads_no_voice(cli, source, loads):
    found = cli("book", source, "--plan", "--json", "--chapters", "2")
    plan = json.loads(found.out)
    assert [chapter["title"] for chapter in plan["chapters"]] == ["The Weir"]
    assert loads == []


def test_a_folder_of_chapters(cli, source, loads, here):
    found = cli("book", source, "-o", "out", "--format", "wav", "--voice", "speaker1", "--json")
    assert found.code == 0
    made = json.loads(found.out)
    assert made["files"] == ["out/01-the-mill.wav", "out/02-the-weir.wav"]
    assert made["chapters"][1]["title"] == "The Weir"
    assert "chapter 2 of 2: The Weir" in found.err
    assert sorted(path.name for path in here.iterdir()) == ["n.epub", "out"]


def test_one_file(cli, source, loads, here):
    pytest.importorskip("av")
    found = cli("book", source, "-o", "out.m4b", "--loudness", "off")
    assert found.code == 0
    assert "wrote out.m4b (2 chapters" in found.err
    assert (here / "out.m4b").read_bytes()[4:12] == b"ftypM4B "


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "No output"),
        (("-o", "x", "--chapters", "7"), "no chapters 7"),
        (("-o", "x", "--loudness", "3"), "--loudness is '3'"),
        (("-o", "x", "--loudness", "loud"), "--loudness is 'loud'"),
        (("-o", "x", "--ruby", "both"), "--ruby is 'both'"),
        (("-o", "x", "--steps", "3"), "has no --steps"),
        (("-o", "x.mp3"), "one file without chapters"),
    ],
)
def test_mistakes_are_told(cli, source, loads, arguments, says):
    found = cli("book", source, *arguments)
    assert found.code == 2
    assert says in found.err


def test_a_locked_book(cli, here):
    (here / "x.epub").write_bytes(b"PK")
    found = cli("book", here / "x.epub", "--plan")
    assert found.code == 1
    assert "not a complete zip archive" in found.err


def test_what_is_kept_is_told(cli, source, loads, here):
    (here / "out" / "01-the-mill.flac").mkdir(parents=True)
    found = cli("book", source, "-o", "out")
    assert found.code == 1
    assert "kept 5 passages in out.unfinished; the same command continues" in found.err
    (here / "out" / "01-the-mill.flac").rmdir()
    again = cli("book", source, "-o", "out", "--json")
    assert json.loads(again.out)["spoken"] == 0


def test_casts_lexicons_and_subtitles(cli, source, loads, here):
    (here / "cast.toml").write_text('voice = "speaker1"\n')
    (here / "names.toml").write_text('[words]\nmill = "mull"\n')
    found = cli("book", source, "-o", "out", "--voices", "cast.toml", "--lexicon", "names.toml",
                "--subtitles", "srt, lrc", "--store", "kept", "--json")  # fmt: skip
    assert found.code == 0, found.err
    assert "out/01-the-mill.lrc" in json.loads(found.out)["subtitles"]
    assert list((here / "kept").glob("*/*.flac"))


def test_strict_is_about_problems(cli, here, loads):
    (here / "x.md").write_text("# One\n\nHello there.\n\n日本語\n", encoding="utf-8")
    assert cli("book", "x.md", "-o", "out", "--on-problem", "skip").code == 0
    found = cli("book", "x.md", "-o", "out", "--on-problem", "skip", "--strict")
    assert found.code == 1
    assert "left out" in found.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--voices", "no.toml"), "no.toml"),
        (("--lexicon", "no.toml"), "no.toml"),
        (("--preset", "x"), "no preset 'x'"),
        (("--preset", "acx", "--loudness", "-20"), "mutually exclusive"),
        (("--subtitles", "sbv"), "'sbv'"),
        (("--tries", "0"), "--tries is 0"),
    ],
)
def test_mistakes_in_the_extras_are_told(cli, source, loads, arguments, says):
    found = cli("book", source, "-o", "out", *arguments)
    assert found.code == 2
    assert says in found.err
