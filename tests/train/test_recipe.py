from __future__ import annotations

import pytest

from vivavoce import config
from vivavoce.errors import ConfigError
from vivavoce.train import recipe
from vivavoce.train.recipe import Recipe


def test_a_written_recipe_reads_back_the_same(toy_recipe, tmp_path):
    wanted = toy_recipe("optim.phases.model.lr=0.5", 'data.validation=["tone0*"]')
    file = tmp_path / "again.toml"
    file.write_text(config.dumps(config.to_dict(wanted)))
    assert recipe.load(file) == wanted


@pytest.mark.parametrize(
    ("override", "path"),
    [
        ("loop.batch_secs=3", "loop.batch_secs"),
        ("optim.phases.model.rate=1", "optim.phases.model.rate"),
        ('data.sources=[{ path = "x", txt = 1 }]', "data.sources[0].txt"),
        ("modell.width=3", "modell"),
    ],
)
def test_an_unknown_key_is_named_with_its_path(toy_recipe, override, path):
    with pytest.raises(ConfigError, match=path.replace("[", r"\[")):
        toy_recipe(override).optim.phase("model")


@pytest.mark.parametrize(
    "override",
    [
        "optim.lr=0",
        "optim.steps=0",
        'optim.schedule="noam"',
        "loop.ema_decay=1.0",
        "loop.keep=0",
        "loop.batch_seconds=0",
    ],
)
def test_values_without_meaning_are_refused(toy_recipe, override):
    overrides = [override] if "noam" not in override else [override, "optim.warmup_steps=0"]
    with pytest.raises(ConfigError):
        toy_recipe(*overrides)


def test_a_phase_overrides_what_all_share(toy_recipe):
    optim = toy_recipe("optim.phases.critic.lr=0.5").optim
    assert optim.phase("critic").lr == 0.5
    assert optim.phase("generator").lr == optim.lr
    assert optim.phase("critic").clip == optim.clip
    with pytest.raises(ConfigError, match=r"optim\.phases\.critic"):
        optim.require_phases(("model",))


def test_tables_for_the_family_are_left_alone(toy_recipe):
    found: Recipe = toy_recipe("model.anything.at=7", "loss.weight=2.5")
    assert found.tables == {
        "model": {"anything": {"at": 7}},
        "text": {},
        "features": {},
        "loss": {"weight": 2.5},
    }
