"""The recipes of the repository: each can be read, and names a family's own settings."""

from pathlib import Path

import pytest

from vivavoce.train import families, recipe

FOLDER = Path(__file__).parent.parent.parent / "recipes"
RECIPES = [path for path in sorted(FOLDER.glob("*.toml")) if "family" in path.read_text("utf-8")]
SMALL = {"glow", "vocos-small", "linnet", "linnet-pulse-free", "linnet-pulse-adversarial"}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_it_can_be_read(path):
    found = recipe.load(path)
    assert found.optim.steps > 0


@pytest.mark.parametrize("name", sorted(SMALL))
def test_its_task_can_be_built(name):
    found = recipe.load(FOLDER / f"{name}.toml")
    task = families.build(found, ("somebody",))
    found.optim.require_phases(task.phases)
    assert set(task.parts()) == set(task.phases)
