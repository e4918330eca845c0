from __future__ import annotations

import torch
from torch import nn

from tests.tolerance import assert_near
from vivavoce.nn import lora


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 4, bias=False))


def adapted() -> nn.Sequential:
    layers = network()
    assert lora.attach(layers, ["0", "2"], rank=2, alpha=6.0) == ["0", "2"]
    return layers


def test_an_adapter_changes_nothing_at_first_and_everything_else_is_frozen():
    x = torch.randn(3, 6)
    layers = adapted()
    assert torch.equal(layers(x), network()(x))
    trained = {n for n, p in layers.named_parameters() if p.requires_grad}
    assert trained == {f"{n}.lora_{f}.weight" for n in "02" for f in "AB"}


def test_merged_weights_compute_the_same():
    layers, x = adapted(), torch.randn(3, 6)
    optimiser = torch.optim.SGD([p for p in layers.parameters() if p.requires_grad], 0.1)
    for _ in range(3):
        optimiser.zero_grad()
        layers(x).square().sum().backward()
        optimiser.step()
    plain = network()
    before = plain(x)
    plain.load_state_dict(lora.merged_state(layers))
    assert_near(plain(x), layers(x))
    assert not torch.equal(plain(x), before)
    found = lora.factor_tensors(layers)
    assert found["0.lora_A.weight"].shape == (2, 6)
    change = 3.0 * found["0.lora_B.weight"] @ found["0.lora_A.weight"]
    assert_near(plain[0].weight, network()[0].weight + change)


def test_patterns_choose_the_layers():
    layers = network()
    assert lora.attach(layers, ["1", "?x"], 2, 2.0) == []
    assert lora.attach(layers, ["[02]"], 2, 2.0) == ["0", "2"]
    assert lora.attach(layers, ["*"], 2, 2.0) == [f"{n}.lora_{f}" for n in "02" for f in "AB"]
