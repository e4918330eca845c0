"""`vivavoce models …`: what there is, what is here, downloads and imports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vivavoce.cli.options import Json, Offline
from vivavoce.cli.terminal import Progress, emit, facts, say, table
from vivavoce.errors import UnknownModel, near_misses

if TYPE_CHECKING:
    from vivavoce.hub.library import Row

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
Name = Annotated[str, typer.Argument(help="A name from `vivavoce models list`.")]
COLUMNS = ("name", "languages", "size", "installed", "licence", "about")
MANY = 4  # languages; more are counted


@app.command("list")
def list_models(
    vocoders: Annotated[bool, typer.Option("--vocoders", help="List the vocoders.")] = False,
    family: Annotated[str, typer.Option("--family", help="List the models of one family.")] = "",
    as_json: Json = False,
) -> None:
    """List the known models and which are on this machine.

    --json lists models and vocoders.
    """
    from vivavoce.hub import library

    rows = sorted(library.installed(), key=lambda row: row.kind == "vocoder")
    if family:
        rows, vocoders = _of_family(rows, family)
    shown = [row for row in rows if (row.kind == "vocoder") == vocoders]
    listed = shown if vocoders or not as_json else rows
    emit([row.plain() for row in listed], as_json, lambda _: table(_cells(shown), COLUMNS))
    if not (vocoders or family or as_json):
        say(f"{len(rows) - len(shown)} vocoders: vivavoce models list --vocoders")


@app.command()
def show(name: Name, as_json: Json = False) -> None:
    """Show everything known about one model."""
    from vivavoce.hub import library

    emit(library.show(name).plain(), as_json, facts)


@app.command()
def get(name: Name, offline: Offline = False, as_json: Json = False) -> None:
    """Download a model and its vocoder, and prepare them for use."""
    from vivavoce.hub import library

    known = library.show(name).row
    if not known.installed:
        say(f"{known.name}: licence {known.licence or 'not stated'}")
    with Progress(name, "bytes") as progress:
        folder = library.get(name, progress, offline or None)
    _report(folder, known.name, as_json, lambda data: data["path"])


@app.command("import")
def import_model(
    file: Annotated[
        str, typer.Argument(help="Checkpoint: a file, folder or address. It is not changed.")
    ],
    family: Annotated[
        str, typer.Option("--as", metavar="FAMILY", help="Model family [default: detected].")
    ] = "",
    config: Annotated[
        Path | None, typer.Option(help="Configuration file of the checkpoint.")
    ] = None,
    vocabulary: Annotated[
        Path | None, typer.Option("--vocab", help="Vocabulary file of the checkpoint.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Local name [default: from the file name].")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the model of that name.")] = False,
    as_json: Json = False,
) -> None:
    """Convert a checkpoint from another toolkit. Code in the checkpoint is never run."""
    from vivavoce.hub import library

    with Progress(file, "bytes") as progress:
        folder = library.import_checkpoint(
            file, family, config, name, vocabulary, replace=force, on_progress=progress
        )
    _report(folder, folder.name, as_json, lambda found: f"{found['name']}  {found['path']}")


@app.command()
def remove(name: Name, as_json: Json = False) -> None:
    """Delete a downloaded or imported model."""
    from vivavoce.hub import library

    removed = library.remove(name)
    say(f"removed {removed.folder.name}")
    if removed.kept:
        say(f"the downloaded files stay in the Hub's cache: {removed.kept}")
    if as_json:
        emit({"name": removed.folder.name, "path": str(removed.folder)}, True, str)


@app.command()
def export(
    name: Name,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Output file; a folder for sherpa, hf and xtts.")
    ],
    kind: Annotated[
        str,
        typer.Option("--as", metavar="FORMAT", help="onnx, sherpa, piper, hf, f5, xtts or lora."),
    ] = "piper",
    words: Annotated[
        Path | None, typer.Option(help="Text file whose words are added to sherpa's lexicon.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a model, or the newest checkpoint of a run, as files of another program.

    onnx and sherpa hold model and vocoder in one graph, which is compared with torch before it is
    written. lora writes only the adapters of a run.
    """
    from vivavoce.hub.export import export as write
    from vivavoce.hub.resolve import is_run

    if is_run(Path(name)):
        from vivavoce.train import exports

        written = exports.convert(Path(name), output, kind)
    else:
        written = write(name, output, kind, words)
    files = [str(file) for file in written]
    emit({"name": name, "files": files}, as_json, lambda data: "\n".join(data["files"]))


@app.command()
def path(name: Name, as_json: Json = False) -> None:
    """Show where a model is stored on this machine."""
    from vivavoce.hub import library

    data = {"name": name, "path": str(library.path(name))}
    emit(data, as_json, lambda found: found["path"])


def _of_family(rows: list[Row], family: str) -> tuple[list[Row], bool]:
    """The rows of a family, and whether it is one of vocoders. Raises UnknownModel."""
    from vivavoce.models import MODELS
    from vivavoce.vocoders import VOCODERS

    if family not in MODELS and family not in VOCODERS:
        known = (*MODELS.names, *VOCODERS.names)
        advice = near_misses(family, known) or f"Known: {', '.join(known)}."
        raise UnknownModel(f"There is no family '{family}'.", advice)
    return [row for row in rows if row.family == family], family in VOCODERS


def _report(folder: Path, name: str, as_json: bool, render: Any) -> None:
    from vivavoce.hub import library

    if remark := library.remark(folder):
        say(remark)
    emit({"name": name, "path": str(folder)}, as_json, render)


def _cells(rows: list[Row]) -> list[dict[str, Any]]:
    return [
        {
            "name": row.name,
            "languages": _counted(row.languages),
            "size": f"{row.parameters / 1e6:.0f}M" if row.parameters else "",
            "installed": row.installed,
            "licence": row.licence.partition(",")[0],
            "about": _sentence(row),
        }
        for row in rows
    ]


def _counted(languages: tuple[str, ...]) -> str:
    return ", ".join(languages) if len(languages) <= MANY else f"{len(languages)} languages"


def _sentence(row: Row) -> str:
    """What a model is, in one line."""
    if row.problem:
        return f"cannot be read: {row.problem}"
    return row.notes.partition(". ")[0].rstrip(".") or f"imported, {row.family}"
