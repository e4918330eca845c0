"""The memory plan's numbers of values against the tensors that autograd saves."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from vivavoce.audio.specs import VOCOS_24K
from vivavoce.models.f5.config import F5Config
from vivavoce.models.f5.infilling import F5Loss
from vivavoce.models.f5.model import F5TTS
from vivavoce.models.f5.shape import activations
from vivavoce.models.f5.text import F5TextConfig
from vivavoce.models.f5.train import F5Task

FRAMES = 160
DIT = F5Config(dim=192, depth=1, heads=3, head_dim=64, text_dim=96, text_layers=2)
E2 = F5Config(
    backbone="unett", dim=192, depth=2, heads=3, head_dim=64, ff_mult=4, text_dim=100,
    text_layers=0, mask_text=False, rotary_heads=1,
)  # fmt: skip


def kept(config: F5Config, dropout: float, recompute: bool = False) -> float:
    """Bytes per position that one row keeps for its backward pass, weights not counted."""
    torch.manual_seed(0)
    text = F5TextConfig((" ", "a", "b"), "characters")
    task = F5Task(F5TTS(replace(config, n_tokens=3), VOCOS_24K, text), F5Loss(dropout=dropout))
    task.recompute(recompute)
    weights = {p.untyped_storage().data_ptr() for p in task.parameters()}
    sizes: dict[int, int] = {}
    alive: list[Tensor] = []  # or an address would be used twice

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            alive.append(tensor)
            sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    batch = {
        "tokens": torch.ones(1, 20, dtype=torch.long),
        "token_lengths": torch.tensor([20]),
        "features": torch.randn(1, 100, FRAMES),
        "feature_lengths": torch.tensor([FRAMES]),
        "speakers": torch.zeros(1, dtype=torch.long),
    }
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        task.train()("model", batch, 0)
    return sum(sizes.values()) / FRAMES


@pytest.mark.parametrize("dropout", [0.0, 0.1])
@pytest.mark.parametrize("config", [DIT, replace(DIT, ff_mult=4), E2], ids=["m2", "m4", "e2"])
def test_what_a_block_and_the_rest_keep(config, dropout):
    more = replace(config, depth=config.depth + 2)
    once, thrice = kept(config, dropout), kept(more, dropout)
    shape = activations(config, VOCOS_24K, dropout)
    assert (thrice - once) / 2 == pytest.approx(shape.block, rel=0.03)
    outside = once - config.depth * (thrice - once) / 2
    assert outside == pytest.approx(shape.outside, rel=0.05)


def test_recomputed_blocks_keep_their_input():
    shape = activations(DIT, VOCOS_24K, 0.1)
    once = kept(DIT, 0.1, recompute=True)
    thrice = kept(replace(DIT, depth=3), 0.1, recompute=True)
    assert (thrice - once) / 2 == pytest.approx(shape.boundary, rel=0.06)
