"""`vivavoce models …`: what there is, what is here, downloads and imports."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vivavoce.cli.options import Json, Offline
from vivavoce.cli.terminal import Progress, emit, facts, say, table

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
Name = Annotated[str, typer.Argument(help="A name from `vivavoce models list`.")]


@app.command("list")
def list_models(as_json: Json = False) -> None:
    """All known models and vocoders, and which are on this machine."""
    from vivavoce.hub import library

    columns = ("name", "kind", "family", "languages", "licence", "installed")
    emit(library.installed(), as_json, lambda rows: table(rows, columns))


@app.command()
def show(name: Name, as_json: Json = False) -> None:
    """Everything known about one model."""
    from vivavoce.hub import library

    emit(library.show(name), as_json, facts)


@app.command()
def get(name: Name, offline: Offline = False, as_json: Json = False) -> None:
    """Download a model (and its vocoder) and make it ready."""
    from vivavoce.hub import library

    known = library.show(name)
    if not known.get("installed"):
        say(f"{name}: licence {known.get('licence') or 'not stated'}")
    with Progress(name, "bytes") as progress:
        folder = library.get(name, progress, offline or None)
    if remark := library.remark(folder):
        say(remark)
    emit({"name": name, "path": str(folder)}, as_json, lambda data: data["path"])


@app.command("import")
def import_model(
    file: Annotated[Path, typer.Argument(help="A foreign checkpoint; it is only read.")],
    family: Annotated[str, typer.Option("--as", metavar="FAMILY", help="Which architecture.")],
    config: Annotated[Path | None, typer.Option(help="Its configuration file.")] = None,
    name: Annotated[str | None, typer.Option(help="What to call it here.")] = None,
    as_json: Json = False,
) -> None:
    """Convert a checkpoint from another toolkit. No code in it is run."""
    from vivavoce.hub import library

    folder = library.import_checkpoint(file, family, config=config, name=name)
    if remark := library.remark(folder):
        say(remark)
    data = {"name": folder.name, "path": str(folder)}
    emit(data, as_json, lambda found: f"{found['name']}  {found['path']}")


@app.command()
def path(name: Name, as_json: Json = False) -> None:
    """Where a model lies on this machine."""
    from vivavoce.hub import library

    data = {"name": name, "path": str(library.path(name))}
    emit(data, as_json, lambda found: found["path"])
