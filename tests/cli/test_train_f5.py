"""The user's path, at toy size: dry run, fine-tune with adapters, from scratch, export, speak."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.models.f5.corpus import recipe_tables, store_base, write_corpus, write_recipe
from vivavoce.checkpoints import safetensors_file
from vivavoce.cli import main

WORDS = "the cat sat on a mat"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_corpus(tmp_path / "data")


def run(*arguments: object) -> None:
    assert main([str(a) for a in arguments]) == 0


def spoken(model: Path, data: Path, *more: object) -> np.ndarray:
    """A sentence in the voice of a clip, with two solver steps."""
    file = data / "out.wav"
    reference = ("--ref", data / "wavs" / "clip6.wav", "--transcript", WORDS)
    quick = ("--steps", 2, "--device", "cpu", *more)
    run("speak", "the dog ran.", "-m", model, "-o", file, *reference, *quick)
    samples, rate = soundfile.read(file)
    assert rate == 24_000
    return samples


def test_a_fine_tune_from_the_dry_run_to_speech(data, tmp_path, capsys):
    base, folder = store_base(tmp_path / "base"), tmp_path / "run"
    tables = recipe_tables(data, folder, base)
    tables["start"] |= {"train": "lora", "adapter": {"rank": 4}}
    tables["speak"] = {"texts": [WORDS], "vocoder": "kathleen-pulse",
                       "options": {"steps": 2, "pruned": False}}  # fmt: skip
    recipe = write_recipe(tmp_path / "recipe.toml", tables)
    run("train", recipe, "--device", "cpu", "--max-memory", "900MB", "--dry-run", "--json")
    facts = json.loads(capsys.readouterr().out)
    assert facts["plan.train"] == "lora"
    assert facts["plan.limit_gb"] == 0.9
    assert 0 < facts["plan.peak_gb"] < 0.9
    assert facts["plan.because"]
    assert not folder.exists() or not (folder / "checkpoints").exists()
    run("train", recipe, "--device", "cpu", "--max-memory", "900MB")
    samples = folder / "samples" / "step-00000004"
    said, rate = soundfile.read(samples / "text-1-speech.wav")
    assert (rate, said.ndim) == (24_000, 1)
    assert len(said) > 4000
    assert (samples / "text-1-speech.png").is_file()

    heard = spoken(folder, data)
    adapter = tmp_path / "adapter" / "me.safetensors"
    run("models", "export", folder, "-o", adapter, "--as", "lora")
    assert np.array_equal(heard, spoken(base, data, "--lora", adapter))
    whole = tmp_path / "me.safetensors"
    run("models", "export", folder, "-o", whole, "--as", "f5")
    names = safetensors_file.read(whole)[0]
    assert "ema_model.transformer.transformer_blocks.1.attn.to_out.0.weight" in names
    assert np.array_equal(heard, spoken(whole, data, "--vocoder", "kathleen-pulse"))


def test_from_scratch_and_the_last_checkpoint_speaks_as_it_is(data, tmp_path):
    folder = tmp_path / "run"
    recipe = write_recipe(tmp_path / "recipe.toml", recipe_tables(data, folder))
    run("train", recipe, "--device", "cpu", "--set", "optim.steps=2")
    first = spoken(folder, data)
    run("train", recipe, "--device", "cpu", "--set", "optim.steps=8", "--set", "optim.lr=0.02")
    assert not np.array_equal(first, spoken(folder, data))
    assert (folder / "export.step").read_text() == "8"


@pytest.mark.parametrize("size", ["much", "0GB", "-3", "14TB"])
def test_a_size_of_memory_that_is_none_is_refused(size, data, tmp_path, capsys):
    recipe = write_recipe(tmp_path / "recipe.toml", recipe_tables(data, tmp_path / "run"))
    assert main(["train", str(recipe), f"--max-memory={size}"]) == 2
    assert "not an amount of memory" in capsys.readouterr().err


def test_a_run_that_cannot_fit_says_what_it_needs(data, tmp_path, capsys):
    recipe = write_recipe(tmp_path / "recipe.toml", recipe_tables(data, tmp_path / "run"))
    assert main(["train", str(recipe), "--device", "cpu", "--max-memory", "100MB"]) == 1
    assert "GB at least and has 0.1 GB" in capsys.readouterr().err
