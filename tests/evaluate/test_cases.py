"""Lists as benchmarks publish them."""

from __future__ import annotations

import pytest

from vivavoce.errors import UsageError
from vivavoce.evaluate import read_list
from vivavoce.evaluate.cases import Case


def test_seed_tts(tmp_path):
    path = tmp_path / "meta.lst"
    path.write_text("a-1|He said so.|prompts/a.wav|It turns.\nb|x|p/b.wav|It stops.|wavs/b.wav\n")
    found = read_list(path)
    assert (found.format, found.language, found.name) == ("seed-tts", "en", "meta.lst")
    assert found.cases[0] == Case(
        "a-1", "It turns.", str(tmp_path / "prompts" / "a.wav"), "He said so."
    )
    assert len(found.sha256) == 64
    assert [case.id for case in found.first(1).cases] == ["a-1"]


def test_chinese_is_noticed(tmp_path):
    path = tmp_path / "meta.lst"
    path.write_text("a|你好|p.wav|今天天气很好\n", encoding="utf-8")
    assert read_list(path).language == "zh"
    assert read_list(path, language="yue").language == "yue"


def test_librispeech_pc(tmp_path):
    path = tmp_path / "list.lst"
    path.write_text("4077-13754-0\t3.0\tThe prompt.\t4077-13754-2\t4.0\tThe text.\n")
    (case,) = read_list(path, data="/data").cases
    assert case == Case(
        "4077-13754-2", " The text.", "/data/4077/13754/4077-13754-0.flac", "The prompt."
    )


def test_minimax(tmp_path):
    speaker = tmp_path / "speaker" / "english" / "english_female"
    (tmp_path / "text").mkdir()
    speaker.mkdir(parents=True)
    (speaker / "a.mp3").write_bytes(b"")
    (speaker / "prompt_text.txt").write_text("a.mp3|She said so.\n")
    path = tmp_path / "text" / "english.txt"
    path.write_text("a.mp3|It turns.\n")
    (case,) = read_list(path).cases
    assert case == Case("english-001", "It turns.", str(speaker / "a.mp3"), "She said so.")


def test_tables(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text('id,text,ref,ref_text\na,"It turns, and stops.",r.wav,Words.\nb,It stops.,,\n')
    assert read_list(path).cases == (
        Case("a", "It turns, and stops.", str(tmp_path / "r.wav"), "Words."),
        Case("b", "It stops."),
    )


@pytest.mark.parametrize(
    ("name", "text", "kind", "says"),
    [
        ("x.csv", "a,b\n1,2\n", None, "no columns"),
        ("x.csv", "id,text\n", None, "no sentences"),
        ("x.csv", "id,text\na,x\na,y\n", None, "repeated"),
        ("x.lst", "a|b\n", "seed-tts", "2 fields"),
        ("x.lst", "a\tb\n", "librispeech-pc", "2 fields"),
        ("x.lst", "a\n", None, "1 fields"),
        ("x.lst", "a|b|c|d\n", "seedtts", "seedtts"),
    ],
)
def test_lists_that_are_none(tmp_path, name, text, kind, says):
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=says):
        read_list(tmp_path / name, kind)


def test_bytes_that_are_no_text(tmp_path):
    (tmp_path / "x.csv").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(UsageError, match="not UTF-8"):
        read_list(tmp_path / "x.csv")
    with pytest.raises(UsageError, match="no list"):
        read_list(tmp_path / "y.csv")
