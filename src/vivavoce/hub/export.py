"""A model of ours as another program's files. Knows no family: each brings its own writers."""

from __future__ import annotations

from pathlib import Path

from vivavoce.errors import UsageError, near_misses
from vivavoce.hub import library
from vivavoce.models import MODELS


def export(name: str, target: Path, kind: str) -> list[Path]:
    """The model called `name` written to `target`; the files that were written.

    `kind` is one of the family's exporters. Raises UnknownModel, UsageError for a kind that the
    family does not have or a model that it cannot hold, OutputError.
    """
    stored = library.open_model(name, "acoustic")
    manifest, tensors = stored.manifest, stored.tensors
    exporters = MODELS.family(manifest["family"]).exporters
    if kind not in exporters:
        known = near_misses(kind, exporters) if exporters else "It can be copied as a folder."
        raise UsageError(
            f"Models of the family '{manifest['family']}' are not exported as '{kind}'.", known
        )
    return exporters[kind](manifest, tensors, target)
