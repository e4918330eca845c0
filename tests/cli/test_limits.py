from __future__ import annotations

import pytest

from vivavoce import config, limits
from vivavoce.errors import ConfigError


def test_raised_limits_hold_inside_and_not_afterwards(tmp_path):
    small = limits.Budget()
    with limits.raised(3):
        assert limits.Budget().objects == 3 * small.objects
        own = limits.Limits(objects=5)
        assert limits.Budget(own).objects == 5
    assert limits.Budget().objects == small.objects


def test_the_command_line_raises_them(cli, tmp_path):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("values = [" + "0, " * (limits.DEFAULT.objects // 1000) + "]")
    assert limits.DEFAULT.objects // 1000 > 100
    strict = limits.Limits(objects=100)
    with pytest.raises(ConfigError, match="--limits"):
        config.read(recipe, strict)
    assert cli("--limits", "0.5", "doctor", "--help").code == 2
    assert cli("--limits", "10", "doctor", "--help").code == 0
