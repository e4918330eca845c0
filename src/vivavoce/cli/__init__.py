"""The command line: parse, call, print. Every command imports what it needs late.

Results go to stdout, everything else to stderr. Exit codes: 0 done, 1 failed, 2 asked wrongly,
128 and the signal's number when ended by one (130: Ctrl-C).
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from functools import cache
from typing import Annotated

import typer

import vivavoce
from vivavoce.cli import (
    audit,
    bench,
    book,
    bulk,
    convert,
    data,
    doctor,
    edit,
    evaluate,
    models,
    serve,
    speak,
    train,
    voices,
)
from vivavoce.cli.grouped import Grouped
from vivavoce.cli.signals import Ended, orderly_end
from vivavoce.cli.terminal import escape_what_stdout_cannot_write, say
from vivavoce.errors import VivavoceError
from vivavoce.limits import raised

HELP = "Text to speech on your own machine. Start with: vivavoce speak 'Hello.'"

# Plain help: rendering it with rich takes longer than everything else `--help` does.
app = typer.Typer(
    help=HELP,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("speak", cls=Grouped)(speak.speak)
app.command("edit", cls=Grouped)(edit.edit)
app.command("convert", cls=Grouped)(convert.convert)
app.command("book", cls=Grouped)(book.book)
app.command("bulk", cls=Grouped)(bulk.bulk)
app.command("eval", cls=Grouped)(evaluate.evaluate)
app.command("serve")(serve.serve)
app.add_typer(models.app, name="models", help="List, download, import and remove models.")
app.add_typer(voices.app, name="voices", help="List, make and remove voices.")
app.command("doctor")(doctor.doctor)
app.command("audit")(audit.audit)
app.command("bench")(bench.bench)
app.add_typer(data.app, name="data", help="Prepare recordings for training.")
app.command("train")(train.train)
app.command("export")(train.export)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(vivavoce.__version__)
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks; works anywhere on the line.")
    ] = False,
    limits: Annotated[
        float,
        typer.Option(
            metavar="FACTOR", min=1, help="Multiply the size and time limits of file readers."
        ),
    ] = 1.0,
) -> None:
    context.with_resource(raised(limits))


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line (`sys.argv` without the program by default); returns the exit code."""
    arguments, debug = _without_debug(sys.argv[1:] if argv is None else argv)
    escape_what_stdout_cannot_write()
    try:
        with orderly_end():
            _command()(args=arguments, prog_name="vivavoce")
            sys.stdout.flush()
    except SystemExit as leave:
        return leave.code if isinstance(leave.code, int) else 0
    except BrokenPipeError:
        return _reader_left()
    except VivavoceError as error:
        if isinstance(error.__cause__, BrokenPipeError):
            return _reader_left()
        _complain(str(error), debug)
        return error.exit_code
    except Ended as end:
        return end.exit_code
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # noqa: BLE001 - the last stop before the user
        _complain(f"this is a bug in vivavoce ({type(error).__name__}: {error}).", debug)
        if not debug:
            print("Please report it with the output of --debug.", file=sys.stderr)
        return 1
    return 0


@cache
def _command() -> Callable[..., object]:
    """The parser of command lines, which takes longer to make than a line to parse."""
    return typer.main.get_command(app)


def _without_debug(argv: Sequence[str]) -> tuple[list[str], bool]:
    """`--debug` may stand anywhere before `--`, where people add it to a line that failed."""
    end = list(argv).index("--") if "--" in argv else len(argv)
    kept = [a for a in argv[:end] if a != "--debug"]
    return [*kept, *argv[end:]], len(kept) < end


def _complain(message: str, debug: bool) -> None:
    if debug:
        traceback.print_exc()
    say(f"error: {message}")


def _reader_left() -> int:
    """Whoever read our output has gone, which is no fault. Python must not flush into the void."""
    void = os.open(os.devnull, os.O_WRONLY)
    os.dup2(void, sys.stdout.fileno())
    os.close(void)
    return 0
