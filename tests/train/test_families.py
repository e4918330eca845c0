from __future__ import annotations

import pytest
import torch

from vivavoce.errors import ConfigError
from vivavoce.models import MODELS
from vivavoce.train import families


def test_a_family_is_found_in_the_tables(toy_recipe):
    task = families.build(toy_recipe(), ("Ann",))
    assert task.speakers == ("Ann",)


def test_the_seed_decides_the_first_weights(toy_recipe):
    one, again, other = (
        families.build(toy_recipe(f"seed={n}"), ()).exported.table.weight for n in (1, 1, 2)
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_unknown_and_untrainable_families(toy_recipe, monkeypatch):
    with pytest.raises(ConfigError, match="'fake'"):
        families.build(toy_recipe("family=fakee"), ())
    monkeypatch.setitem(MODELS.folders, "mute", "vivavoce.text")
    with pytest.raises(ConfigError, match="cannot be trained"):
        families.build(toy_recipe("family=mute"), ())


def test_a_vocabulary_grows_where_the_family_can():
    assert callable(families.extend("f5"))
    with pytest.raises(ConfigError, match="cannot extend its vocabulary"):
        families.extend("glow")
