from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from tests.tolerance import assert_near
from vivavoce.checkpoints import remap as adapt
from vivavoce.errors import BadCheckpoint


def layers():
    torch.manual_seed(0)
    kinds = (nn.Conv1d(8, 16, 5), nn.ConvTranspose1d(16, 4, 8, 4), nn.Linear(7, 3))
    for layer in kinds:
        # Random magnitudes too: right after weight_norm the fold is the identity.
        yield parametrizations.weight_norm(layer)
        nn.init.uniform_(layer.parametrizations.weight.original0, 0.1, 3.0)


def spelt(state, style):
    """One layer's tensors in each of the three spellings."""
    old = {"parametrizations.weight.original0": "weight_g"}
    old["parametrizations.weight.original1"] = "weight_v"
    return state if style == "new" else {old.get(k, k): v for k, v in state.items()}


@pytest.mark.parametrize("style", ["old", "new"])
@pytest.mark.parametrize("root", ["", "decoder.ups.0."])
def test_folded_weights_equal_torchs(style, root):
    for layer in layers():
        state = spelt(layer.state_dict(), style)
        folded = adapt.fold_weight_norm({root + k: v for k, v in state.items()})
        assert set(folded) == {f"{root}weight", f"{root}bias"}
        assert_near(folded[f"{root}weight"], layer.weight, 4.0)


def test_the_three_spellings_live_side_by_side():
    first, second, third = layers()
    plain = {"c.weight": third.weight.detach(), "c.bias": third.bias.detach()}
    tensors = {f"a.{k}": v for k, v in spelt(first.state_dict(), "old").items()}
    tensors |= {f"b.{k}": v for k, v in second.state_dict().items()} | plain
    folded = adapt.fold_weight_norm(tensors)
    assert set(folded) == {f"{r}.{k}" for r in "abc" for k in ("weight", "bias")}
    assert folded["c.weight"] is plain["c.weight"]
    assert adapt.fold_weight_norm(folded) == folded


def test_half_precision_is_folded_in_float32():
    layer = next(layers())
    half = {k: v.half() for k, v in layer.state_dict().items()}
    folded = adapt.fold_weight_norm(half)["weight"]
    exact = adapt.fold_weight_norm({k: v.float() for k, v in half.items()})["weight"]
    assert folded.dtype == torch.float32
    assert torch.equal(folded, exact)


def test_a_silent_channel_stays_silent():
    v = torch.zeros(2, 3, 1)
    v[1] = 1
    folded = adapt.fold_weight_norm({"weight_g": torch.zeros(2, 1, 1), "weight_v": v})
    assert torch.equal(folded["weight"], torch.zeros(2, 3, 1))


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"a.weight_g": torch.ones(1)}, "only half"),
        ({"a.parametrizations.weight.original1": torch.ones(1)}, "only half"),
        ({"weight_g": torch.ones(1), "weight_v": torch.ones(1), "weight": torch.ones(1)}, "plain"),
        ({"weight_g": torch.ones(2, 1), "weight_v": torch.ones(3, 4)}, r"g \[2, 1\], v \[3, 4\]"),
    ],
)
def test_broken_pairs(tensors, message):
    with pytest.raises(BadCheckpoint, match=message):
        adapt.fold_weight_norm(tensors)


@pytest.mark.parity
@pytest.mark.parametrize("name", ["hifigan_resblock1_tiny", "hifigan_resblock2_tiny"])
def test_recorded_vocoders_fold(load_parity, name):
    folded = adapt.fold_weight_norm(load_parity(name).weights)
    assert not any("original" in k or k.endswith(("_g", "_v")) for k in folded)
    assert any(k.endswith("conv_pre.weight") for k in folded)


def test_prefixes():
    one, two = torch.ones(1), torch.zeros(1)
    tensors = {"model_g.a": one, "model_d.a": two, "b": two}
    assert adapt.under(tensors, "model_g.") == {"a": one}
    wrapped = {"ema_model._orig_mod.transformer.a": one, "transformer.b": two}
    short = adapt.strip(wrapped, "ema_model.", "_orig_mod.", "transformer.")
    assert short == {"a": one, "b": two}
    with pytest.raises(BadCheckpoint, match="'a' is in the file twice"):
        adapt.strip(tensors, "model_g.", "model_d.")


def net():
    return nn.Sequential(nn.Conv1d(2, 3, 3), nn.BatchNorm1d(3))


def test_strict_load_loads():
    source, target = net(), net()
    adapt.strict_load(target, source.state_dict())
    for key, value in source.state_dict().items():
        assert torch.equal(target.state_dict()[key], value)


def test_loading_keeps_the_modules_type():
    target = net()
    adapt.strict_load(
        target,
        {k: v.half() for k, v in net().state_dict().items() if "num" not in k}
        | {"1.num_batches_tracked": torch.tensor(3)},
    )
    assert target[0].weight.dtype == torch.float32


def test_modules_without_numbers_take_the_tensors():
    with torch.device("meta"):
        target = net()
    state = net().state_dict()
    adapt.strict_load(target, state)
    assert target[0].weight.data_ptr() == state["0.weight"].data_ptr()
    assert target[0].weight.requires_grad


def test_dropped_names_and_patterns():
    state = net().state_dict() | {"mel.fb": torch.ones(1), "disc.a.b": torch.ones(1)}
    adapt.strict_load(net(), state, dropped=("mel.fb", "disc.*", "never.there"))
    with pytest.raises(BadCheckpoint, match=r"1 unexpected: disc\.a\.b"):
        adapt.strict_load(net(), state, dropped=("mel.*",))
    with pytest.raises(BadCheckpoint, match="missing"):
        adapt.strict_load(net(), {}, dropped=("*",))
    adapt.strict_load(net(), net().state_dict(), dropped=("*",))


def test_every_kind_of_problem_is_in_one_message_and_nothing_is_loaded():
    target = net()
    before = {k: v.clone() for k, v in target.state_dict().items()}
    state = net().state_dict()
    del state["0.bias"]
    state |= {f"extra.{i}": torch.ones(1) for i in range(14)}
    state["0.weight"] = torch.ones(3, 2, 5)
    with pytest.raises(BadCheckpoint) as error:
        adapt.strict_load(target, state)
    message = str(error.value)
    assert "1 missing: 0.bias" in message
    assert "0.weight [3, 2, 5] instead of [3, 2, 3]" in message
    assert "14 unexpected: extra.0, " in message
    assert "extra.9 and 4 more" in message
    assert "extra.10" not in message
    for key, value in target.state_dict().items():
        assert torch.equal(value, before[key])


def test_another_familys_file_is_called_that():
    foreign = {f"encoder.{i}.weight": torch.ones(2) for i in range(30)}
    with pytest.raises(BadCheckpoint, match="another model family"):
        adapt.strict_load(net(), foreign)


def test_a_turned_matrix_is_not_copied():
    """Other strided tensors are: they may be slow, or not what a kernel expects."""
    with adapt.without_numbers():
        module = nn.Sequential(nn.Linear(3, 5, bias=False), nn.Conv1d(2, 4, 3, bias=False))
    stored = {"0.weight": torch.rand(3, 5).t(), "1.weight": torch.rand(4, 3, 2).transpose(1, 2)}
    adapt.strict_load(module, stored)
    assert module[0].weight.data_ptr() == stored["0.weight"].data_ptr()
    assert module[1].weight.is_contiguous()
    for name, tensor in stored.items():
        assert torch.equal(module.state_dict()[name], tensor)
    assert module(torch.rand(2, 3)[None])[0].shape == (4, 3)


def test_layers_are_counted_in_names():
    names = ["a.0.x", "a.11.y", "a.x.12", "ab.30.x", "a.9999999999.x", "b.1"]
    assert adapt.count(names, "a.") == 12
    assert adapt.count(names, "c.") == 0
    adapt.require_count(names, "a.", 12, "n_layers")
    adapt.require_count(names, "c.", 12, "n_layers")
    for said in (11, "12", 10**30, [12]):
        with pytest.raises(BadCheckpoint, match=r"n_layers is .*; the weights have 12"):
            adapt.require_count(names, "a.", said, "n_layers")


def test_a_module_far_larger_than_its_tensors_is_given_up():
    with pytest.raises(BadCheckpoint, match="far larger"), adapt.without_numbers(10):
        nn.ModuleList(nn.Linear(3, 3) for _ in range(10_000_000))
    with adapt.without_numbers(200):
        nn.ModuleList(nn.Linear(3, 3) for _ in range(100))
