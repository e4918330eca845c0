"""Tables, facts, and bars that only a terminal sees."""

from __future__ import annotations

import io
import json
import sys
from types import SimpleNamespace

import pytest

from tests.cli.conftest import Terminal
from vivavoce.cli import terminal
from vivavoce.cli.terminal import Progress, emit, facts, table


def test_a_table_is_aligned_and_leaves_gaps():
    rows = [
        {"name": "kathleen", "languages": ("en", "de"), "installed": True},
        {"name": "x", "installed": False, "other": 1},
    ]
    assert table(rows, ("name", "languages", "installed")).splitlines() == [
        "name      languages  installed",
        "kathleen  en, de     yes",
        "x                    no",
    ]
    assert table([], ("name",)) == "name"


def test_facts_nest_and_leave_out_the_empty():
    lines = facts({"rtf": 0.123456, "none": None, "zero": 0, "stages": {"vocoder": 1.0}})
    assert [line.split() for line in lines.splitlines()] == [
        ["rtf", "0.1235"],
        ["zero", "0"],
        ["stages"],
        ["vocoder", "1"],
    ]


def test_what_is_long_is_counted():
    assert facts({"vocabulary": ["a"] * 2545}).split(maxsplit=1)[1] == "2545 entries"
    assert facts({"vocabulary": "a" * 2545}).split(maxsplit=1)[1] == "2545 characters"


def test_emit_prints_json_or_text(capsys):
    emit({"a": "ü", "p": sys}, True, str)
    assert json.loads(capsys.readouterr().out)["a"] == "ü"
    emit({"a": 1}, False, lambda data: f"a is {data['a']}")
    assert capsys.readouterr().out == "a is 1\n"


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
@pytest.mark.parametrize("as_json", [True, False])
def test_letters_that_a_pipe_of_windows_cannot_take_are_escaped(monkeypatch, encoding, as_json):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding, write_through=True))
    terminal.escape_what_stdout_cannot_write()
    emit({"said": "ü あ 😀"}, as_json, lambda data: data["said"])
    text = written.getvalue().decode(encoding)
    said = json.loads(text)["said"] if as_json else text.rstrip()
    if as_json or encoding == "utf-8":
        assert said == "ü あ 😀"
    else:
        assert said == ("ü" if encoding == "cp1252" else r"\xfc") + r" \u3042 \U0001f600"


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(terminal, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def test_no_bar_without_a_terminal(capsys, clock):
    with Progress("speaking", "characters") as progress:
        clock[0] = 5.0
        progress(1, 2)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


@pytest.mark.parametrize("unit", ["characters", "bytes", "steps"])
def test_a_bar_after_a_second_on_a_terminal(monkeypatch, clock, unit):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with Progress("speaking", unit) as progress:
        progress(1, 10)
        assert screen.getvalue() == ""
        clock[0] = 1.5
        progress(5, 10, "half")
        assert progress._bar is not None
    assert progress._bar is None
    assert "speaking" in screen.getvalue()
    assert "half" in screen.getvalue()


def test_escapes_from_files_are_spelt_out(capsys):
    name = "a\x1b[2J\x9b31m\u202eb\x7f\tä\n"
    terminal.say(name)
    emit({"name": name}, False, lambda data: data["name"])
    emit({"name": name}, True, str)
    out, err = capsys.readouterr()
    assert err == "a\\x1b[2J\\x9b31m\\u202eb\\x7f\tä\n\n"
    assert not {"\x1b", "\x9b", "\u202e", "\x7f", "\r"} & {*out, *err}
    assert json.loads(out[out.index("{") :]) == {"name": name}
