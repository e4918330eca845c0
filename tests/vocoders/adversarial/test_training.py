"""Every vocoder against its discriminators, from the command line, to a vocoder that decodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.train.fake import write_data
from tests.train.records import records
from vivavoce import config
from vivavoce.checkpoints import store
from vivavoce.cli import main
from vivavoce.errors import ConfigError
from vivavoce.hub import build, library
from vivavoce.train.recipe import load as load_recipe
from vivavoce.vocoders.adversarial.config import AdversarialLoss
from vivavoce.vocoders.adversarial.task import AdversarialTask
from vivavoce.vocoders.bigvgan import train as bigvgan
from vivavoce.vocoders.hifigan import train as hifigan
from vivavoce.vocoders.vocos import train as vocos

FEATURES = {"sample_rate": 8000, "hop_length": 64, "n_fft": 256, "win_length": 256, "n_mels": 20}
SMALL = {"segment_frames": 32, "discriminator_width": 1 / 32, "scale_groups": [1, 1, 2, 2, 2, 2, 1]}
GENERATOR = {
    "width": 16, "rates": [8, 8], "kernels": [16, 16],
    "block_kernels": [3], "block_dilations": [[1, 3]],
}  # fmt: skip
MODELS: dict[str, dict[str, Any]] = {
    "vocos": {"dim": 16, "hidden_dim": 32, "n_layers": 1},
    "hifigan": GENERATOR,
    "bigvgan": GENERATOR,
}
BUILD = {"vocos": vocos.build_task, "hifigan": hifigan.build_task, "bigvgan": bigvgan.build_task}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("vocoders") / "data")


def recipe(folder: Path, data: Path, family: str, **more: Any) -> Path:
    tables: dict[str, Any] = {
        "name": f"toy-{family}",
        "family": family,
        "output": str(folder / "run"),
        "data": {"sources": [{"path": str(data)}], "validation": 1, "cache": str(data / "cache")},
        "model": MODELS[family],
        "features": FEATURES,
        "loss": {**SMALL, "discriminator_ffts": [128, 256], "spectral_ffts": [128]},
        "optim": {"lr": 2e-4, "betas": [0.8, 0.99], "clip": 5.0, "steps": 3},
        "loop": {"batch_size": 2, "validate_every": 3, "best_metric": "mel", "workers": 1},
        "log": {"every": 1, "tensorboard": False},
    } | more
    file = folder / "recipe.toml"
    file.write_text(config.dumps(tables), encoding="utf-8")
    return file


@pytest.mark.parametrize("family", BUILD)
def test_a_run_exports_a_vocoder_that_decodes(family: str, data: Path, tmp_path: Path) -> None:
    assert main(["train", str(recipe(tmp_path, data, family)), "--device", "cpu"]) == 0
    train = records(tmp_path / "run", "train")
    assert {"discriminator.loss", "generator.mel", "generator.feature"} <= set(train[-1])
    assert "mel" in records(tmp_path / "run", "validate")[0]
    vocoder = build.vocoder(library.open_model(str(tmp_path / "run"), "vocoder")).freeze()
    with torch.no_grad():
        samples = vocoder.decode(torch.randn(1, FEATURES["n_mels"], 40))
    assert samples.shape[1] in (39 * 64, 40 * 64)
    assert samples.isfinite().all()


@pytest.mark.parametrize("family", BUILD)
def test_a_training_begins_with_a_trained_vocoder(family: str, data: Path, tmp_path: Path) -> None:
    task = small(family)
    task.export(tmp_path / "base")
    _, before = store.load(tmp_path / "base")
    other = small(family, seed=1)
    other.take(before, {})
    other.export(tmp_path / "again")
    _, after = store.load(tmp_path / "again")
    assert before.keys() == after.keys()
    assert all(torch.allclose(before[k], after[k], rtol=1e-6, atol=1e-9) for k in before)


def test_a_recipe_continues_a_trained_vocoder(data: Path, tmp_path: Path) -> None:
    """While the generator waits for its discriminators it stays what it was."""
    small("hifigan").export(tmp_path / "base")
    start = {"model": str(tmp_path / "base")}
    file = recipe(tmp_path, data, "hifigan", start=start, optim={"steps": 2, "lr": 1e-4})
    assert main(["train", str(file), "--device", "cpu", "--set", "loss.generator_from_step=2"]) == 0
    _, before = store.load(tmp_path / "base")
    _, after = store.load(tmp_path / "run" / "export")
    assert all(torch.allclose(before[k], after[k], rtol=1e-6, atol=1e-9) for k in before)
    train = records(tmp_path / "run", "train")
    assert train[-1]["discriminator.loss"] > 0
    assert "generator.loss" not in train[-1]


def test_a_run_that_goes_on_is_one_that_never_stopped(data: Path, tmp_path: Path) -> None:
    """Spectral normalisation has a state of its own, which a checkpoint must hold."""
    file = str(recipe(tmp_path, data, "hifigan"))
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for folder, steps in ((whole, 4), (broken, 2), (broken, 4)):
        chosen = ["--set", f'output="{folder}"', "--set", f"optim.steps={steps}"]
        assert main(["train", file, "--device", "cpu", *chosen]) == 0
    assert records(whole, "train") == records(broken, "train")
    files = [folder / "export" / "model.safetensors" for folder in (whole, broken)]
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize("family", BUILD)
def test_the_recipe_of_the_repository_runs(family: str, data: Path, tmp_path: Path) -> None:
    """On other data, and with a smaller model."""
    small = {"vocos": ["dim=16", "hidden_dim=32", "n_layers=1"]}.get(
        family, ["width=64", "block_kernels=[3]", "block_dilations=[[1]]"]
    )
    settings = [
        *(f"model.{one}" for one in small),
        f'data.sources=[{{path = "{data}"}}]',
        f'output="{tmp_path / "run"}"',
        *("data.validation=1", "optim.steps=1", "loop.batch_size=1", "loop.samples=0"),
        *("loss.discriminator_width=0.04", "loss.scale_groups=[1, 1, 2, 2, 2, 2, 1]"),
    ]
    chosen = [part for one in settings for part in ("--set", one)]
    file = Path(__file__).parents[3] / "recipes" / f"{family}.toml"
    assert main(["train", str(file), "--device", "cpu", *chosen]) == 0
    manifest, _ = store.load(tmp_path / "run" / "export")
    assert manifest["features"]["sample_rate"] == 24_000


def test_the_paper_s_vocos_is_the_recipe_s() -> None:
    file = Path(__file__).parents[3] / "recipes" / "vocos.toml"
    loss = load_recipe(file).loss
    assert {k: loss[k] for k in vocos.PAPER} == {
        k: list(v) if isinstance(v, tuple) else v for k, v in vocos.PAPER.items()
    }


def test_the_generator_waits_for_new_discriminators() -> None:
    task = small("hifigan", generator_from_step=5)
    batch = {"samples": torch.randn(2, 2048), "sample_lengths": torch.tensor([2048, 2048])}
    assert not task("generator", batch, 4)[0].requires_grad
    assert task("discriminator", batch, 4)[0].requires_grad
    assert task("generator", batch, 5)[0].requires_grad


@pytest.mark.parametrize("framing", ["same", "center"])
def test_as_many_samples_are_made_as_there_are(framing: str) -> None:
    tables = {"model": GENERATOR, "features": {**FEATURES, "framing": framing}, "loss": SMALL}
    task = hifigan.build_task(tables)
    real = torch.randn(2, 2048)
    assert task.generator_losses(real, task.extract(real))["mel"].isfinite()


def test_whole_clips_are_rebuilt_in_windows() -> None:
    task = small("hifigan").eval()
    features = torch.randn(1, FEATURES["n_mels"], 1100)
    with torch.no_grad():
        whole, windows = task.vocoder.decode(features), task.rebuild(features)
    assert windows.shape == whole.shape
    assert (windows - whole).abs().max() < 1e-5


def test_settings_that_mean_nothing_are_refused() -> None:
    with pytest.raises(ConfigError, match="speaker vector"):
        hifigan.build_task({"model": {"condition_dim": 4}})
    with pytest.raises(ValueError, match="discriminator_weights"):
        AdversarialLoss(discriminator_weights=(1.0,))
    with pytest.raises(ValueError, match="at least one"):
        AdversarialLoss(discriminators=())
    with pytest.raises(ConfigError, match=r"loss\.discriminators"):
        vocos.build_task({"loss": {"discriminators": ["ears"]}})


def small(family: str, seed: int = 0, **loss: Any) -> AdversarialTask:
    torch.manual_seed(seed)
    tables = {
        "model": MODELS[family],
        "features": FEATURES,
        "loss": {**SMALL, "discriminator_ffts": [128], "spectral_ffts": [], **loss},
    }
    return BUILD[family](tables)
