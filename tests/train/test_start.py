"""Runs of F5 that begin with a model: what is trained, saved, exported and refused."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.models.f5.corpus import recipe_tables, store_base, write_corpus
from tests.tolerance import assert_near
from vivavoce import config
from vivavoce.checkpoints import safetensors_file, store
from vivavoce.errors import ConfigError, TrainingError, UsageError
from vivavoce.hub import library
from vivavoce.hub.lora import Adapter
from vivavoce.nn import lora
from vivavoce.train import exports, run
from vivavoce.train.distributed import Group
from vivavoce.train.loop import Trainer
from vivavoce.train.recipe import Recipe
from vivavoce.types import no_progress

EMBEDDING = "backbone.text.embedding.weight"
Make = Callable[..., Recipe]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus") / "data")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return store_base(tmp_path_factory.mktemp("start") / "base")


@pytest.fixture
def make(corpus: Path, base: Path, tmp_path: Path) -> Make:
    def build(*overrides: str) -> Recipe:
        tables = recipe_tables(corpus, tmp_path / "run", base)
        return config.from_dict(Recipe, config.apply_overrides(tables, overrides))

    return build


def trained(recipe: Recipe) -> Path:
    return run.train(recipe, "cpu", True, no_progress)


def assembled(recipe: Recipe) -> Trainer:
    return run.assemble(recipe, "cpu", Group(), no_progress)[0]


def test_a_run_begins_with_the_models_weights_and_tables(make, base):
    trainer = assembled(make())
    _, tensors = store.load(base)
    model = trainer.task.exported
    assert all(torch.equal(model.state_dict()[k], v) for k, v in tensors.items())
    assert trainer.recipe.model["dim"] == model.config.dim
    assert trainer.recipe.text["vocabulary"] == list(model.text.vocabulary)
    assert trainer.ema is not None
    assert trainer.ema.updates == 0


def test_an_export_speaks_with_its_starts_vocoder(make, base, tmp_path):
    store.amend(base, {"vocoder": "kathleen-pulse"})
    run_folder = trained(make("optim.steps=1"))
    manifest = store.read_manifest(exports.export(run_folder, tmp_path / "model"))
    assert manifest["vocoder"] == "kathleen-pulse"
    assert manifest["licence"] == store.read_manifest(base)["licence"]


def test_frozen_groups_keep_their_values_and_are_not_saved(make, base):
    trainer = assembled(make('start.freeze=["text", "*.attention.*"]'))
    _, before = store.load(base)
    trainer.start()
    trainer.step()
    trainer.close()
    after = trainer.task.exported.state_dict()
    moved = {k for k, v in before.items() if not torch.equal(v, after[k])}
    assert moved
    assert not any(".text." in k or ".attention." in k for k in moved)
    saved = trainer.tensors()
    assert "task/exported.backbone.output.weight" in saved
    assert not any(".attention." in k or ".text." in k for k in saved)
    with pytest.raises(ConfigError, match=r"start\.freeze names 'tekst'"):
        assembled(make('start.freeze=["tekst"]'))


@pytest.mark.parametrize(
    ("kind", "layer"),
    [("v1", "transformer_blocks.0.attn.to_q"), ("e2", "layers.0.2.to_q")],
)
def test_adapters_alone_are_trained_saved_and_merged(kind, layer, make, tmp_path):
    base = store_base(tmp_path / "base", kind)
    how = ("start.train=lora", "start.adapter.rank=16", "start.adapter.lr=0.01")
    folder = trained(make(f'start.model="{base}"', *how))
    checkpoint = exports.newest(folder)
    names = {k for k in checkpoint.tensors if k.startswith(("task/", "ema/"))}
    assert names
    assert all(".lora_" in name for name in names)
    written = exports.adapter(folder, tmp_path / "lora.safetensors")
    assert [path.name for path in written] == ["lora.safetensors", "adapter_config.json"]
    assert written[0].stat().st_size < 30e6
    named, _ = safetensors_file.read(written[0])
    assert f"base_model.model.transformer.{layer}.lora_A.weight" in named
    _, merged = store.load(folder / "export")
    adapter = Adapter(str(written[0]))
    kept = library.open_model(str(base), adapters=[adapter]).tensors
    assert merged.keys() == kept.keys()
    for name, tensor in merged.items():
        assert_near(tensor, kept[name])
    _, before = store.load(base)
    assert any(not torch.equal(merged[name], before[name]) for name in merged)


def test_kept_adapters_compute_what_merged_weights_do(make):
    task = assembled(make("start.train=lora")).task
    for layer in lora.adapters(task.exported).values():
        torch.nn.init.normal_(layer.lora_B.weight, 0.0, 0.05)
    batch = {
        "tokens": torch.ones(2, 8, dtype=torch.long),
        "token_lengths": torch.tensor([8, 5]),
        "features": torch.randn(2, 100, 50),
        "feature_lengths": torch.tensor([50, 41]),
        "speakers": torch.zeros(2),
    }
    drawn = task.draw(batch)
    task.eval()
    kept = task.sums(drawn)["flow"].detach()
    state = lora.merged_state(task.exported)
    model = task.exported
    for name, layer in lora.adapters(model).items():
        torch.nn.init.zeros_(layer.lora_B.weight)
        layer.weight.data.copy_(state[f"{name}.weight"])
    merged = task.sums(drawn)["flow"].detach()
    assert float((merged / kept - 1).abs()) <= 1e-5


def test_a_vocabulary_grows_beside_adapters(make, base, tmp_path):
    data = write_corpus(tmp_path / "more", letters=" é")
    recipe = make(
        f'data.sources=[{{path="{data}"}}]',
        "start.train=lora",
        "start.vocabulary=extend",
        "text.kind=characters",
    )
    folder = trained(recipe)
    manifest, tensors = store.load(folder / "export")
    _, before = store.load(base)
    assert manifest["text"]["vocabulary"][-1] == "é"
    assert len(tensors[EMBEDDING]) == len(before[EMBEDDING]) + 1
    assert manifest["licence"] == "CC-BY-NC-4.0"
    with pytest.raises(UsageError, match="more tokens"):
        exports.adapter(folder, tmp_path / "lora.safetensors")
    assert trained(make(*_overrides(recipe), "optim.steps=6")) == folder
    unknown = make(f'data.sources=[{{path="{data}"}}]', f'output="{tmp_path / "other"}"')
    with pytest.raises(TrainingError, match="unknown characters: 'é'"):
        trained(config.from_dict(Recipe, {**config.to_dict(unknown), "text": CHARACTERS}))


CHARACTERS = {"kind": "characters"}


def _overrides(recipe: Recipe) -> list[str]:
    return [
        f'data.sources=[{{path="{recipe.data.sources[0].path}"}}]',
        "start.train=lora",
        "start.vocabulary=extend",
        "text.kind=characters",
    ]


def test_another_start_than_the_runs_is_refused(make, base, tmp_path):
    folder = trained(make("start.train=lora"))
    other = store_base(tmp_path / "other")
    manifest, tensors = store.load(other)
    changed = {k: v + 1e-3 for k, v in tensors.items()}
    store.save(other, {k: v for k, v in manifest.items() if k != "weights"}, changed)
    with pytest.raises(TrainingError, match="not the model that this run started from"):
        trained(make("start.train=lora", f'start.model="{other}"', "optim.steps=6"))
    assert exports.newest(folder).step == 4


def test_what_does_not_go_together_is_said(make, tmp_path):
    with pytest.raises(ConfigError, match="name no linear layer"):
        assembled(make("start.train=lora", 'start.adapter.targets=["nothing"]'))
    with pytest.raises(ConfigError, match="of the family 'forward'"):
        assembled(make("start.model=kathleen"))
    with pytest.raises(ConfigError, match=r"need start\.model"):
        make('start.model=""', "start.train=lora")
    folder = trained(make())
    with pytest.raises(UsageError, match="trained all weights"):
        exports.adapter(folder, tmp_path / "lora.safetensors")


def test_out_of_memory_lowers_the_plan_and_goes_on(make, monkeypatch, caplog):
    """A device that holds one row at a time, and only with recomputed blocks."""
    small, large = assembled(make()), assembled(make())
    batch = small.data.batch(small.data.train[:3], None)
    task = small.task
    sums = type(task).sums

    def on_a_small_device(drawn):
        if len(drawn["speakers"]) > 1 or not task.exported.backbone.recompute:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return sums(task, drawn)

    monkeypatch.setattr(task, "sums", on_a_small_device)
    with torch.random.fork_rng(devices=[]), caplog.at_level(logging.WARNING):
        for layer in (*small.task.modules(), *large.task.modules()):
            if hasattr(layer, "dropout"):
                layer.dropout = 0.0
        small.update([batch])
        large.update([batch])
    assert (small.state.recompute, small.state.parts) == (True, 3)
    assert "computed again" in caplog.text
    assert "in 3 parts" in caplog.text
    for name, value in large.task.state_dict().items():
        assert float((value - small.task.state_dict()[name]).abs().max()) <= 2e-5
    fresh = assembled(make())
    fresh.load(small.tensors(), small.plain())
    assert (fresh.state.recompute, fresh.state.parts) == (True, 3)
    assert fresh.task.exported.backbone.recompute
    monkeypatch.setattr(task, "sums", lambda drawn: (_ for _ in ()).throw(_no_memory()))
    with pytest.raises(TrainingError, match="one utterance"):
        small.update([batch])


def _no_memory() -> torch.OutOfMemoryError:
    return torch.OutOfMemoryError("CUDA out of memory.")


def test_patience_ends_a_run(make, tmp_path):
    folder = trained(
        make(
            *("optim.steps=40", "loop.validate_every=1", "loop.patience=2", "optim.lr=3.0"),
            *("optim.schedule=constant", "loop.ema_decay=0.0", "optim.warmup_steps=0"),
        )
    )
    assert exports.newest(folder).step < 40
    assert (folder / "export" / "model.toml").is_file()
