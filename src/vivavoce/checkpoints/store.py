"""Our own model format: a folder with `model.toml` (what it is) and `model.safetensors`.

The manifest's tables belong to those who read them.
"""

from __future__ import annotations

import hashlib
import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vivavoce import config, files
from vivavoce.checkpoints import safetensors_file
from vivavoce.checkpoints.read import read_safetensors
from vivavoce.errors import BadCheckpoint, ConfigError, OutputError, UsageError
from vivavoce.limits import DAMAGED, DEFAULT, Limits, describe, guard

FORMAT = 1
MANIFEST = "model.toml"
TENSORS = "model.safetensors"
KINDS = ("acoustic", "vocoder", "converter")


def save(
    folder: str | Path,
    manifest: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    dtype: torch.dtype | None = None,
    source: str = "",
) -> None:
    """Write a model folder, all or nothing; an older model there is replaced at the last moment.

    `manifest` needs `kind` (acoustic, vocoder or converter), `family` and `name`; `format` and
    `weights` are filled in. `dtype` is how floating-point tensors are stored (`torch.float16`
    halves the file; loading gives float32 again); one tensor at a time is made ready for it. With
    `source`, the address or path of a foreign file that is kept elsewhere, no tensors are written:
    `weights.source` tells whoever opens the folder where they are. Other files in the
    folder are kept. Raises OutputError.
    """
    folder = Path(folder)
    files.recover(folder)
    taken = folder.is_dir() and not (folder / MANIFEST).exists() and any(folder.iterdir())
    if taken or folder.is_file():
        raise OutputError(f"{folder} is not a model folder, and not empty.", "Choose another name.")
    with files.atomic_path(folder, flush=True, advice="Is the disk full?") as fresh:
        fresh.mkdir()
        _write(fresh, manifest, tensors, dtype, source)
        _keep_other_files(folder, fresh)


def load(
    folder: str | Path, verify: bool = False, limits: Limits = DEFAULT
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The manifest and the tensors of a model folder; half precision comes back as float32.

    Tensors are views of the mapped file where their type allows. `verify` reads the whole file to
    compare its SHA-256. Raises BadCheckpoint.
    """
    folder = Path(folder)
    manifest = read_manifest(folder, limits)
    if verify and _sha256(folder / TENSORS) != manifest.get("weights", {}).get("sha256"):
        raise BadCheckpoint(f"{folder / TENSORS} does not match its SHA-256.", DAMAGED)
    tensors, _ = read_safetensors(folder / TENSORS, limits)
    half = (torch.float16, torch.bfloat16)
    return manifest, {k: v.float() if v.dtype in half else v for k, v in tensors.items()}


def read_manifest(folder: str | Path, limits: Limits = DEFAULT) -> dict[str, Any]:
    """Only `model.toml`, checked. Raises BadCheckpoint."""
    folder = Path(folder)
    files.recover(folder)
    if not (folder / MANIFEST).is_file():
        raise BadCheckpoint(
            f"There is no model in {folder} ({MANIFEST} is missing).",
            "Import other checkpoints with `vivavoce models import FILE --as FAMILY`.",
        )
    try:
        manifest = config.read(folder / MANIFEST, limits)
    except ConfigError as error:
        raise BadCheckpoint(error.message, error.advice) from error
    if manifest.get("format") != FORMAT:
        raise BadCheckpoint(
            f"{folder} has format {describe(manifest.get('format'))}; this version reads {FORMAT}.",
            "Update vivavoce, or import the model again.",
        )
    problem = _manifest_problem(manifest)
    if problem:
        raise BadCheckpoint(f"{folder / MANIFEST}: {problem}", DAMAGED)
    return manifest


def amend(folder: str | Path, extra: Mapping[str, Any]) -> None:
    """Add the keys of `extra` that the folder's manifest lacks; its weights stay."""
    manifest = read_manifest(folder)
    files.write_text(Path(folder) / MANIFEST, _toml({**extra, **manifest}))


def _manifest_problem(manifest: Mapping[str, Any]) -> str:
    if manifest.get("kind") not in KINDS:
        return f"kind is {describe(manifest.get('kind'))}; it must be {' or '.join(KINDS)}."
    for key in ("family", "name"):
        if not isinstance(manifest.get(key), str) or not manifest[key]:
            return f"'{key}' is missing."
    weights = manifest.get("weights", {})
    if not isinstance(weights, dict) or not isinstance(weights.get("source", ""), str):
        return "'weights' is not a table with a 'source'."
    return ""


def _stored(name: str, tensor: Tensor, dtype: torch.dtype | None) -> Tensor:
    """A tensor as it is written: on the CPU, contiguous, floats in `dtype`."""
    value = tensor.detach().cpu()
    if dtype is not None and value.is_floating_point():
        value = value.to(dtype)
        if not torch.equal(value.isfinite(), tensor.detach().cpu().isfinite()):
            raise OutputError(
                f"'{name}' has values that {dtype} cannot hold.", "Save it in float32."
            )
    return value.contiguous()


def _write(
    folder: Path,
    manifest: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    dtype: torch.dtype | None,
    source: str,
) -> None:
    weights: dict[str, Any] = {
        "parameters": sum(t.numel() for t in tensors.values() if t.is_floating_point())
    }
    if source:
        weights["source"] = source
    else:
        kinds = {
            name: (dtype if dtype and tensor.is_floating_point() else tensor.dtype, tensor.shape)
            for name, tensor in tensors.items()
        }
        safetensors_file.write(
            folder / TENSORS, kinds, lambda name: _stored(name, tensors[name], dtype)
        )
        weights["sha256"] = _sha256(folder / TENSORS)
    full = {**manifest, "format": FORMAT, "weights": weights}
    (folder / MANIFEST).write_text(_toml(full), encoding="utf-8")


def _toml(manifest: Mapping[str, Any]) -> str:
    """The manifest's text. Raises UsageError for what cannot be read back."""
    problem = _manifest_problem(manifest)
    if problem:
        raise UsageError(f"The manifest is not complete: {problem}")
    try:
        text = config.dumps(dict(manifest))
        text.encode()
        tomllib.loads(text)
    except (ValueError, TypeError) as error:
        raise UsageError(
            f"The manifest cannot be written as TOML ({error}).", "TOML cannot hold None."
        ) from error
    return text


def _keep_other_files(old: Path, fresh: Path) -> None:
    if old.is_dir():
        ours = shutil.ignore_patterns(MANIFEST, TENSORS)
        shutil.copytree(old, fresh, ignore=ours, dirs_exist_ok=True)


def _sha256(file: Path) -> str:
    with guard(file), file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
