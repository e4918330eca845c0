"""A model of ours as another program's files."""

from __future__ import annotations

from pathlib import Path

from vivavoce.errors import UsageError, near_misses
from vivavoce.hub import library
from vivavoce.hub.onnx import to_onnx
from vivavoce.hub.sherpa import to_sherpa
from vivavoce.models import MODELS


def export(name: str, target: Path, kind: str, words: Path | None = None) -> list[Path]:
    """The model called `name` written to `target`; the files that were written.

    `kind` is `onnx` (a file), `sherpa` (a folder; its lexicon has the words of the text `words`
    too), or one of the family's exporters. Raises UnknownModel, UsageError for a kind that the
    family does not have or a model that it cannot hold, MissingExtra, OutputError.
    """
    if words is not None and kind != "sherpa":
        raise UsageError("--words is for --as sherpa, which has a lexicon.", "Leave it out.")
    if kind == "onnx":
        return to_onnx(name, target)
    if kind == "sherpa":
        return to_sherpa(name, target, words)
    stored = library.open_model(name, "acoustic")
    manifest, tensors = stored.manifest, stored.tensors
    exporters = MODELS.family(manifest["family"]).exporters
    if kind not in exporters:
        known = near_misses(kind, ("onnx", "sherpa", *exporters))
        raise UsageError(
            f"Models of the family '{manifest['family']}' cannot be exported as '{kind}'.", known
        )
    return exporters[kind](manifest, tensors, target)
