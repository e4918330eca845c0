"""From a family's name to its training task, through the tables of models and vocoders."""

from __future__ import annotations

import torch

from vivavoce.errors import ConfigError, near_misses
from vivavoce.models import MODELS
from vivavoce.nn.task import BuildTask, ExtendTables, Task
from vivavoce.train.recipe import Recipe
from vivavoce.vocoders import VOCODERS


def find(name: str) -> BuildTask:
    """A family's `build_task`. Raises ConfigError for a name that neither table has."""
    for registry in (MODELS, VOCODERS):
        if name in registry:
            return registry.build_task(name)
    known = (*MODELS.names, *VOCODERS.names)
    raise ConfigError(f"There is no family '{name}'.", near_misses(name, known))


def extend(name: str) -> ExtendTables:
    """A family's `extended`. Raises ConfigError where its vocabulary cannot grow."""
    for registry in (MODELS, VOCODERS):
        if name in registry and hasattr(module := registry.training(name), "extended"):
            return module.extended
    raise ConfigError(
        f"The family '{name}' cannot extend its vocabulary.", "Remove start.vocabulary."
    )


def build(recipe: Recipe, speakers: tuple[str, ...]) -> Task:
    """The task on the CPU, its weights drawn from the recipe's seed."""
    torch.manual_seed(recipe.seed)
    return find(recipe.family)(recipe.tables, speakers)
