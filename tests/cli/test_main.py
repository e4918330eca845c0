"""Exit codes and where messages go, whatever the command."""

from __future__ import annotations

import os

import pytest
import typer

import vivavoce
from vivavoce import cli as package
from vivavoce.errors import OutputError, UnknownModel


@pytest.fixture
def failing(monkeypatch):
    """`vivavoce speak` raises what the test says."""

    def fail_with(error):
        def load(*args, **kwargs):
            raise error

        monkeypatch.setattr("vivavoce.speech.load.load", load)

    return fail_with


SPEAK = ("speak", "Hello there.", "-o", "a.wav")


def test_version(cli):
    assert cli("--version").out.strip() == vivavoce.__version__


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_names_every_command(cli, flag):
    result = cli(flag)
    assert result.code == 0
    for name in ("speak", "models", "voices", "doctor", "bench", "train", "export"):
        assert f"\n  {name} " in result.out


def test_every_command_has_a_help_page(cli):
    group = typer.main.get_command(package.app)
    pages = [(name,) for name in group.commands]
    pages += [(n, sub) for n, c in group.commands.items() for sub in getattr(c, "commands", {})]
    assert len(pages) > 14
    for page in pages:
        result = cli(*page, "--help")
        assert result.code == 0, page
        assert "Usage: vivavoce " + " ".join(page) in result.out


@pytest.mark.parametrize(
    "argv", [("sing",), ("speak", "--loud", "x"), ("speak", "--speed", "fast", "x"), ("models",)]
)
def test_a_mistake_in_the_line_exits_2(cli, argv):
    result = cli(*argv)
    assert result.code == 2
    assert "Usage: vivavoce" in result.err + result.out


def test_a_near_miss_is_named(cli):
    assert "speak" in cli("speek").err


@pytest.mark.parametrize(
    ("error", "code"), [(UnknownModel("No model 'x'.", "Try 'y'."), 2), (OutputError("Full."), 1)]
)
def test_our_errors_are_one_line_with_their_exit_code(cli, failing, here, error, code):
    failing(error)
    result = cli(*SPEAK)
    assert (result.code, result.out, result.err) == (code, "", f"error: {error}\n")
    assert list(here.iterdir()) == []


def test_debug_shows_where_it_came_from(cli, failing, here):
    failing(OutputError("Full."))
    for line in (("--debug", *SPEAK), (*SPEAK, "--debug")):
        result = cli(*line)
        assert result.code == 1
        assert "Traceback" in result.err
        assert result.err.endswith("error: Full.\n")


def test_debug_behind_two_dashes_is_text():
    assert package._without_debug(["speak", "--", "--debug"]) == (["speak", "--", "--debug"], False)


def test_an_unexpected_error_asks_for_a_report(cli, failing, here):
    failing(ZeroDivisionError("division by zero"))
    result = cli(*SPEAK)
    assert result.code == 1
    assert "ZeroDivisionError" in result.err
    assert "report" in result.err
    assert "Traceback" not in result.err
    assert "Traceback" in cli(*SPEAK, "--debug").err


def test_interrupted_is_130(cli, failing, here):
    failing(KeyboardInterrupt())
    result = cli(*SPEAK)
    assert (result.code, result.out, result.err) == (130, "", "")


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_reader_that_left_is_no_fault(cli, failing, here, monkeypatch, wrapped):
    monkeypatch.setattr(package, "_reader_left", lambda: 0)
    error = OutputError("Cannot write.")
    error.__cause__ = BrokenPipeError(32, os.strerror(32))
    failing(error if wrapped else error.__cause__)
    result = cli(*SPEAK)
    assert result.err == ""
    assert result.code in (0, 1)  # typer itself answers 1 to a bare broken pipe
