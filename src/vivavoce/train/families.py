"""From a family's name to its task, through the tables of models and vocoders."""

from __future__ import annotations

import importlib
from typing import Any

import torch

from vivavoce import models, vocoders
from vivavoce.errors import ConfigError, near_misses
from vivavoce.train.recipe import Recipe
from vivavoce.train.task import BuildTask


def find(name: str) -> BuildTask:
    """A family's `build_task`. Raises ConfigError for a name that neither table has."""
    known = {**models.FAMILIES, **vocoders.FAMILIES}
    if name not in known:
        raise ConfigError(f"There is no family '{name}'.", near_misses(name, known))
    module = f"{known[name]}.train"
    try:
        return importlib.import_module(module).build_task
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise ConfigError(f"The family '{name}' cannot be trained yet.") from error


def build(recipe: Recipe, speakers: tuple[str, ...]) -> Any:
    """The task on the CPU, its weights drawn from the recipe's seed."""
    torch.manual_seed(recipe.seed)
    return find(recipe.family)(recipe.tables, speakers)
