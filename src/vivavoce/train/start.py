"""What a run begins with: a stored model's weights and tables, what of them stays, adapters."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

import torch
from torch import nn

from vivavoce.errors import ConfigError, near_misses
from vivavoce.hub import library
from vivavoce.hub.read import Stored
from vivavoce.nn import lora
from vivavoce.nn.task import Task
from vivavoce.train import checkpoint, families, recipe
from vivavoce.train.recipe import Recipe, StartConfig

TABLES = {"model": "config", "text": "text", "features": "features"}
"""The recipe's table -> the manifest's."""


KEPT = ("vocoder", "licence")
"""Keys of the manifest that a fine-tuned model has from its start, where they are names."""


def open_base(wanted: Recipe) -> Stored | None:
    """The model that `start.model` names, its tensors mapped. Raises ConfigError where it is of
    another family, and what `hub.library.open_model` raises.
    """
    if not wanted.start.model:
        return None
    base = library.open_model(wanted.start.model)
    family = base.manifest["family"]
    if family != wanted.family:
        raise ConfigError(
            f"start.model = '{wanted.start.model}' is of the family '{family}'.",
            f"The recipe trains '{wanted.family}': name a model of that family.",
        )
    return base


def resolved(wanted: Recipe, base: Stored | None, texts: Sequence[str]) -> Recipe:
    """The recipe with the base's tables under its own, and a vocabulary that holds the texts.

    A run that has checkpoints keeps the vocabulary that it has.
    """
    tables = dict(wanted.tables)
    if base is not None:
        for name, theirs in TABLES.items():
            tables[name] = {**base.manifest.get(theirs, {}), **tables[name]}
    if wanted.start.vocabulary == "extend":
        if checkpoint.steps(wanted.output / "checkpoints"):
            tables["text"] = recipe.load(wanted.output / "recipe.toml").text
        else:
            tables = families.extend(wanted.family)(tables, texts)
    return replace(wanted, **tables)


def take(task: Task, base: Stored | None) -> None:
    """The base's weights into the task. Raises ConfigError for a family that takes none."""
    if base is None:
        return
    try:
        task.take(base.tensors, base.manifest)
    except NotImplementedError as error:
        raise ConfigError(
            "This family does not support start.model.", "See docs/training.md."
        ) from error
    kept = {key: base.manifest.get(key) for key in KEPT}
    task.inherited = {key: value for key, value in kept.items() if isinstance(value, str)}


def restrict(task: Task, base: Stored | None, start: StartConfig) -> None:
    """Freezes groups of what was taken, or all but adapters with `lora`."""
    if base is None:
        return
    if start.train == "lora":
        adapt(task, start)
    freeze(task, start.freeze)


def adapt(task: Task, start: StartConfig) -> None:
    """Adapters on the targets; trained beside them only what the start lacks."""
    wanted = start.adapter
    targets = wanted.targets or task.adapter_targets
    if not lora.attach(task.exported, targets, wanted.rank, wanted.alpha):
        layers = [n for n, m in task.exported.named_modules() if isinstance(m, nn.Linear)]
        raise ConfigError(
            f"start.adapter.targets = {list(targets)} name no linear layer of the model.",
            f"Write patterns of names such as {', '.join(layers[:3])}." if layers else "",
        )
    for name, parameter in task.exported.named_parameters():
        if matches(name, task.new_parts):
            parameter.requires_grad_(True)


def freeze(task: Task, wanted: Iterable[str]) -> None:
    """Raises ConfigError for a name that is no group and no pattern of a parameter."""
    found = frozen(task, wanted)
    for parameter in task.exported.parameters():
        if id(parameter) in found:
            parameter.requires_grad_(False)


def frozen(task: Task, wanted: Iterable[str]) -> set[int]:
    """The ids of the parameters that `freeze` would stop. Raises as it does."""
    names = dict(task.exported.named_parameters())
    found = set[int]()
    for one in wanted:
        chosen = [p for n, p in names.items() if matches(n, task.groups.get(one, (one,)))]
        if not chosen:
            advice = near_misses(one, task.groups) or f"Groups: {', '.join(task.groups)}."
            raise ConfigError(f"start.freeze names '{one}', not a part of the model.", advice)
        found |= {id(p) for p in chosen}
    return found


def fingerprint(base: Stored | None) -> str:
    """Identifies the base's weights by their bytes, whatever file they came from; "" for none."""
    if base is None:
        return ""
    digest = hashlib.sha256()
    for name in sorted(base.tensors):
        tensor = base.tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        if tensor.numel():
            digest.update(tensor.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()[:32]


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Whether a name is one of the patterns."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)
