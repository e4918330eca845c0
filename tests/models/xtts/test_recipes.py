"""The repository's recipes for XTTS, on toy data and a toy checkpoint."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.models.xtts.corpus import store_base, write_corpus, write_dvae
from vivavoce.checkpoints import store
from vivavoce.cli import main

RECIPES = Path(__file__).parents[3] / "recipes"


@pytest.mark.parametrize("name", ["xtts-finetune", "xtts-new-language"])
def test_a_recipe_of_the_repository_runs_and_speaks(name: str, tmp_path: Path) -> None:
    data, base = write_corpus(tmp_path / "data"), store_base(tmp_path / "base")
    dvae, run = write_dvae(tmp_path / "dvae.safetensors"), tmp_path / "run"
    new = name == "xtts-new-language"
    settings = [
        f'start.model="{base}"',
        f'loss.dvae="{dvae}"',
        f'loss.voice=["{data / "wavs" / "clip5.wav"}"]',
        f'output="{run}"',
        *("loss.prompt_s=[0.4, 0.6]", "optim.steps=1", "optim.accumulate=1"),
        *("data.validation=1", "loop.workers=1"),
        *(["text.language=haw", "text.new_tokens=3"] if new else [f'speak.vocoder="{base}"']),
        f'data.sources=[{{path = "{data}"}}]',
    ]
    chosen = [part for one in settings for part in ("--set", one)]
    file = str(RECIPES / f"{name}.toml")
    assert main(["train", file, "--device", "cpu", *chosen]) == 0
    manifest, _ = store.load(run / "export")
    assert ("haw" in manifest["languages"]) == new
    assert manifest["speakers"][0] == "me"
    said = list((run / "samples").rglob("text-1*.wav"))
    assert len(said) == (0 if new else 1)
    out = tmp_path / "me.wav"
    assert main(["speak", "the cat", "-m", str(run), "-o", str(out), "--device", "cpu"]) == 0
