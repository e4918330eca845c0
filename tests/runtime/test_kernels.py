from __future__ import annotations

import json
import time

import pytest
import torch
from torch import nn

from tests.tolerance import assert_near
from vivavoce.errors import UsageError
from vivavoce.runtime import KernelChoice, choose_kernel, kernels, prepare_for_inference

onednn = pytest.mark.skipif(
    not torch.backends.mkldnn.is_available(), reason="oneDNN is not built into this torch"
)


def block() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(128, 4096), nn.GELU(), nn.Linear(4096, 128), nn.Linear(128, 8))


@onednn
@pytest.mark.parametrize("shape", [(128,), (1, 128), (2, 37, 128), (2, 0, 128)])
def test_the_twin_computes_the_same(shape):
    model = block()
    twin = prepare_for_inference(model, "onednn")
    x = torch.randn(shape)
    with torch.inference_mode():
        assert_near(twin(x), model(x))


@onednn
def test_rows_do_not_depend_on_their_neighbours():
    twin = prepare_for_inference(block(), "onednn")
    x = torch.randn(6, 128)
    with torch.inference_mode():
        one_by_one = torch.cat([twin(row) for row in x.split(1)])
        assert_near(twin(x), one_by_one)


@onednn
def test_the_original_stays_whole_and_small_layers_are_shared():
    model = block()
    twin = prepare_for_inference(model, "onednn")
    assert [type(m) for m in model] == [nn.Linear, nn.GELU, nn.Linear, nn.Linear]
    assert set(model.state_dict()) == {f"{i}.{n}" for i in (0, 2, 3) for n in ("weight", "bias")}
    assert [type(m).__name__ for m in twin] == ["PackedLinear", "GELU", "PackedLinear", "Linear"]
    assert twin[3].weight is model[3].weight
    assert twin[0].bias is model[0].bias
    assert not hasattr(twin[0], "weight")


@onednn
def test_a_layer_used_twice_stays_one_layer():
    layer = nn.Linear(512, 1024)
    twin = prepare_for_inference(nn.Sequential(layer, nn.Linear(1024, 512), layer), "onednn")
    assert twin[0] is twin[2]


def test_nothing_to_gain_returns_the_module_itself():
    small = nn.Sequential(nn.Linear(8, 8), nn.Conv1d(64, 64, 3))
    assert prepare_for_inference(small, "onednn") is small
    model = block()
    assert prepare_for_inference(model, "default") is model
    assert prepare_for_inference(model) is model  # no folder to keep a measurement in
    half = block().to(torch.bfloat16)
    assert prepare_for_inference(half, "onednn") is half


def test_an_unknown_kernel_is_refused():
    with pytest.raises(UsageError, match="Did you mean 'onednn'"):
        prepare_for_inference(block(), "onednnn")


@onednn
def test_measured_once_then_read(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    first = choose_kernel(folder)
    assert first.name in ("default", "onednn")
    assert {"default", "onednn"} <= set(first.gflops) <= {"default", "onednn", "bfloat16"}
    monkeypatch.setattr("torch.inference_mode", None)  # measuring again would fail
    assert choose_kernel(folder) == first
    assert [p.name for p in folder.iterdir()] == ["kernels.json"]


def test_the_gain_of_bfloat16_is_over_the_faster_of_the_others():
    speeds = {"default": 100.0, "onednn": 200.0}
    assert KernelChoice("onednn", "", {}).gain_bfloat16 == 0
    assert KernelChoice("onednn", "", speeds).gain_bfloat16 == 0
    assert KernelChoice("onednn", "", speeds | {"bfloat16": 400.0}).gain_bfloat16 == 2


@onednn
def test_every_measured_product_is_near_that_of_the_default():
    """In bfloat16 by what rounding inputs and weights once comes to, and not exactly."""
    choice = kernels.measure(repeats=1)
    assert choice.errors["onednn"] <= kernels.MAX_ERROR
    if "bfloat16" in choice.gflops:
        assert 1e-4 < choice.errors["bfloat16"] <= kernels.MAX_ERROR_BFLOAT16
        assert choice.bfloat16_is_right
    assert not KernelChoice("onednn", "", {}, {}).bfloat16_is_right


@onednn
def test_the_cached_answer_decides(tmp_path):
    choose_kernel(tmp_path)
    file = tmp_path / "kernels.json"
    (key,) = json.loads(file.read_text())
    model = block()
    for name, changed in (("onednn", True), ("default", False)):
        file.write_text(json.dumps({key: {"name": name, "reason": "a test", "gflops": {}}}))
        assert choose_kernel(tmp_path) == KernelChoice(name, "a test", {})
        assert (prepare_for_inference(model, cache_folder=tmp_path) is not model) is changed


@onednn
@pytest.mark.parametrize("damage", ["", "not json", "[1]", '{"KEY": {"speed": 1}}'])
def test_a_damaged_cache_is_measured_anew(tmp_path, damage):
    choose_kernel(tmp_path)
    file = tmp_path / "kernels.json"
    (key,) = json.loads(file.read_text())
    file.write_text(damage.replace("KEY", key))
    assert choose_kernel(tmp_path).gflops
    assert json.loads(file.read_text())[key]["gflops"]


@onednn
def test_a_cache_that_cannot_be_written_costs_no_result(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    assert choose_kernel(blocked).gflops
    assert blocked.read_text() == "in the way"


def test_without_onednn_the_default_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert choose_kernel(tmp_path).reason == "oneDNN is not built into this torch"
    assert not list(tmp_path.iterdir())


@onednn
def test_a_kernel_that_differs_or_fails_is_not_chosen(tmp_path, monkeypatch):
    from vivavoce.runtime import onednn as layers

    right = layers.packed_linear
    monkeypatch.setattr(layers, "packed_linear", lambda *a: right(*a) * 1.001)
    assert "differs" in choose_kernel(tmp_path / "a").reason

    def fail(*arguments):
        raise RuntimeError("could not create a primitive\ndetails")

    monkeypatch.setattr(layers, "packed_linear", fail)
    choice = choose_kernel(tmp_path / "b")
    assert (choice.name, choice.reason) == (
        "default",
        "oneDNN failed: could not create a primitive",
    )


def test_a_measurement_goes_on_while_it_finds_faster_runs():
    """Here another process has the core for the first three rounds."""
    calls = []

    def work():
        calls.append(1)
        time.sleep(0.02 if len(calls) <= 3 else 0.001)

    (found,) = kernels.least_seconds((work,), 3)
    assert len(calls) >= 4 + 3 - 1
    assert found < 0.02
