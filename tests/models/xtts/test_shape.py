"""The memory plan's numbers of values against the tensors that autograd saves."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from vivavoce.models.xtts.config import XttsConfig
from vivavoce.models.xtts.shape import HOP, activations
from vivavoce.models.xtts.train import XttsLoss, XttsTask
from vivavoce.models.xtts.workloads import TOY, random_weights

CONFIG = replace(
    TOY, width=128, heads=2, depth=1, condition_blocks=1, text_tokens=300,
    code_tokens=100, start_code=98, stop_code=99,
)  # fmt: skip
N_TEXT, N_CODES, PROMPT_S = 40, 120, 1.0
POSITIONS = CONFIG.n_latents + N_TEXT + 1 + N_CODES + 4


def kept(config: XttsConfig, dropout: float, recompute: bool = False) -> float:
    """Bytes that one row keeps for its backward pass, weights not counted."""
    loss = XttsLoss(dropout=dropout, prompt_s=(PROMPT_S, PROMPT_S))
    task = XttsTask(random_weights(config), loss).train()
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
        "tokens": torch.ones(1, N_TEXT, dtype=torch.long),
        "token_lengths": torch.tensor([N_TEXT]),
        "samples": torch.randn(1, 30_000),
        "sample_lengths": torch.tensor([30_000]),
        "codes": torch.ones(1, N_CODES, dtype=torch.long),
        "code_lengths": torch.tensor([N_CODES]),
        "speakers": torch.zeros(1, dtype=torch.long),
    }
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        task("model", batch, 0)
    return sum(sizes.values())


@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_what_a_block_keeps(dropout):
    more = replace(CONFIG, depth=CONFIG.depth + 2)
    found = (kept(more, dropout) - kept(CONFIG, dropout)) / 2 / POSITIONS
    assert found == pytest.approx(activations(CONFIG, dropout, PROMPT_S).block, rel=0.03)


def test_recomputed_blocks_keep_their_input():
    more = replace(CONFIG, depth=CONFIG.depth + 2)
    found = (kept(more, 0.1, True) - kept(CONFIG, 0.1, True)) / 2 / POSITIONS
    assert found == pytest.approx(activations(CONFIG, 0.1, PROMPT_S).boundary, rel=0.06)


def test_what_the_conditioning_keeps():
    more = replace(CONFIG, condition_blocks=CONFIG.condition_blocks + 2)
    found = (kept(more, 0.0) - kept(CONFIG, 0.0)) / 2
    assert found == pytest.approx(activations(CONFIG, 0.0, PROMPT_S).row, rel=0.05)
    assert HOP == 256
