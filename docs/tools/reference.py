"""Write docs/cli.md and docs/models.md from the commands, the catalogue and the options.

python docs/tools/reference.py
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from vivavoce.cli import app
from vivavoce.cli.grouped import ORDER
from vivavoce.hub.catalog import Entry, entries
from vivavoce.hub.collections import collections
from vivavoce.models import MODELS
from vivavoce.options import Described, described
from vivavoce.vocoders import VOCODERS

DOCS = Path(__file__).parents[1]
SOURCE = DOCS.parent / "src" / "vivavoce"
GENERATED = (
    "<!-- Written by docs/tools/reference.py: change the help texts in src/, not this page. -->"
)

CLI = f"""# Command line

{GENERATED}

`vivavoce COMMAND --help` prints the same. Results go to standard output, messages and errors to
standard error.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | failure: a damaged file, an audio problem, a finding of `audit` or `doctor` |
| 2 | usage error: a misspelt name, a missing file, a value out of range |
| 128 + N | ended by signal N; 130 is Ctrl-C |

Options before the command hold for all commands; `--debug` may stand anywhere on the line.
"""

MODELS_PAGE = f"""# Models and options

{GENERATED}

`vivavoce models get NAME` downloads a model and its vocoder and prints the licence first. A model
without a source is imported: `vivavoce models import FILE --as FAMILY --config FILE`. Checkpoints
of others load by path or `hf://` address too: `vivavoce speak -m PATH`
([checkpoints.md](checkpoints.md)). `--vocoder NAME` replaces the vocoder; a vocoder whose
features differ is refused, and the field is named.

Each family has a page: what it implements, checkpoints, parity with the reference, speed, known
deviations.
"""

OPTIONS = """## Options

Each is a flag of `vivavoce speak` and a keyword of `speak`, `stream` and `batch`. `--set
NAME=VALUE` sets any of them as well. An option that a model does not have is an error that lists
those it has. A checkpoint may bring other defaults: `vivavoce models show NAME` prints them.
"""


def main() -> None:
    for name, text in pages().items():
        (DOCS / name).write_text(text, encoding="utf-8")


def pages() -> dict[str, str]:
    """The text of every generated page, by file name."""
    commands = [CLI, *(_section(path, command) for path, command in leaves())]
    families = (_family(name) for name in MODELS.names)
    models = [
        MODELS_PAGE,
        _pages(),
        _catalogue("acoustic"),
        _collections(),
        _catalogue("vocoder"),
        OPTIONS,
        *families,
    ]
    return {"cli.md": "\n".join(commands), "models.md": "\n".join(models)}


def leaves(command: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """The program itself, then every command with its full name, in the order of `--help`."""
    if command is None:
        command = typer.main.get_command(app)
        yield "", command
    if not hasattr(command, "commands"):
        yield " ".join(path), command
        return
    for name, child in command.commands.items():
        yield from leaves(child, (*path, name))


def _section(path: str, command: Any) -> str:
    context = command.make_context(path, [], resilient_parsing=True)
    name = f"vivavoce {path}".strip()
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    text = [f"## `{name}`\n", f"{(command.help or '').strip()}\n"]
    text += [f"```text\n{usage}\n```\n"]
    groups: dict[str, list[tuple[str, str]]] = {}
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is None:
            continue
        argument = parameter.param_type_name == "argument"
        panel = getattr(parameter, "rich_help_panel", None) or "Options"
        groups.setdefault("Arguments" if argument else panel, []).append(record)
    for title in sorted(groups, key=lambda t: (*ORDER, "Options").index(t)):
        text += [f"| {title} | |\n|---|---|"]
        text += [f"| `{_cell(name)}` | {_cell(meaning)} |" for name, meaning in groups[title]]
        text += [""]
    return "\n".join(text)


def _pages() -> str:
    """A link to the page of every family, and to the cards of bundled voices."""
    found = [SOURCE / folder / name / "README.md" for folder, name in _families()]
    found += sorted(SOURCE.glob("bundled/*/MODEL_CARD.md"))
    links = [
        f"- [{_title(page)}](../{page.relative_to(DOCS.parent)})" for page in found if page.exists()
    ]
    return "\n".join([*links, ""])


def _families() -> Iterator[tuple[str, str]]:
    for folder, registry in (("models", MODELS), ("vocoders", VOCODERS)):
        for name in registry.names:
            yield folder, name


def _title(page: Path) -> str:
    return page.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")


def _catalogue(kind: str) -> str:
    rows = [
        f"| `{e.name}` | {e.family} | {', '.join(e.languages)} | {e.licence or 'not stated'} | "
        f"{_source(e)} | {f'{e.parameters / 1e6:.1f} M' if e.parameters else ''} |"
        for e in entries()
        if e.kind == kind
    ]
    title = {"acoustic": "Models", "vocoder": "Vocoders"}[kind]
    head = (
        "| name | family | languages | licence of the weights | source | weights |\n" + "|---" * 6
    )
    return "\n".join([f"## {title}\n", f"{head}|", *rows, ""])


def _collections() -> str:
    rows = [
        f"| `{c.example}` | {c.family} | {c.repo} | {c.licence or 'each its own'} | {c.notes} |"
        for c in collections()
    ]
    head = "| a name | family | source | licence of the weights | about |\n" + "|---" * 5
    return "\n".join(["## Collections\n", f"{head}|", *rows, ""])


def _source(entry: Entry) -> str:
    if entry.archive:
        return f"[zip]({entry.archive})"
    return entry.repo or ("bundled" if entry.bundled else "import")


def _family(name: str) -> str:
    rows = [
        f"| `{option.name}` | `{option.flag}` | {option.default!r} | {option.range} | "
        f"{_effect(option)} |"
        for option in described(MODELS.options(name) or object)
        if option.opt.help
    ]
    head = "| Python | flag | default | range | effect |\n|---|---|---|---|---|"
    return "\n".join([f"### {name}\n", head, *rows, ""])


def _effect(option: Described) -> str:
    """A switch that is on by default is described by what its flag does."""
    text = _cell(option.opt.help)
    return f"False: {text[0].lower()}{text[1:]}" if option.default is True else text


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    main()
