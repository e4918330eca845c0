"""Options that several commands share, spelt once."""

from __future__ import annotations

from typing import Annotated

import typer

Model = Annotated[
    str | None,
    typer.Option("--model", "-m", help="A model's name, hf:// address or path [default: bundled]."),
]
Vocoder = Annotated[
    str | None, typer.Option(help="Another vocoder than the model's own: name, address or path.")
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Offline = Annotated[bool, typer.Option("--offline", help="Ask no server: what is here or nothing.")]
