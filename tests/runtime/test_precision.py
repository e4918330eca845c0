from __future__ import annotations

import pytest
import torch

from vivavoce.errors import UnsupportedDevice, UsageError
from vivavoce.runtime import (
    KernelChoice,
    choose_precision,
    full_precision,
    grad_scaler,
    int8,
    mixed_precision,
    precision,
)

A = torch.ones(4, 4)


def test_mixed_precision_lowers_products_and_only_inside():
    with mixed_precision("cpu", torch.bfloat16):
        assert (A @ A).dtype == torch.bfloat16
    assert (A @ A).dtype == torch.float32


def test_float32_is_no_context_at_all():
    with mixed_precision("cpu", torch.float32):
        assert not torch.is_autocast_enabled("cpu")
    with mixed_precision("mps", torch.float32):
        pass


@pytest.mark.parametrize("where", ["cpu", torch.device("cpu"), A])
def test_full_precision_switches_it_off_locally(where):
    with mixed_precision("cpu", torch.bfloat16):
        with full_precision(where):
            assert (A @ A).dtype == torch.float32
        assert (A @ A).dtype == torch.bfloat16


def test_full_precision_of_another_device_leaves_this_one_alone():
    with mixed_precision("cpu", torch.bfloat16), full_precision("mps"):
        assert (A @ A).dtype == torch.bfloat16


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_what_the_cpu_does_not_compute_in_is_refused(dtype):
    with pytest.raises(UnsupportedDevice, match="Use float32 or bfloat16"):
        mixed_precision("cpu", dtype)


def test_scaler_acts_for_float16_only():
    loss = torch.tensor(2.0)
    assert grad_scaler("cpu", torch.bfloat16).scale(loss) == loss
    assert grad_scaler("cpu", torch.float32).state_dict() == {}
    assert grad_scaler("cpu", torch.float16).scale(loss) > loss


def test_auto_is_float32_where_nothing_lower_is_proven():
    for device in ("cpu", "mps"):
        choice = choose_precision("auto", device)
        assert choice.dtype == torch.float32
        assert device in choice.reason


@pytest.mark.parametrize(
    ("capability", "dtype"), [((7, 5), torch.float32), ((9, 0), torch.bfloat16)]
)
def test_auto_on_cuda_depends_on_the_hardware(monkeypatch, capability, dtype):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert choose_precision("auto", "cuda:0").dtype == dtype


SPEEDS = {"default": 100.0, "onednn": 200.0}


@pytest.mark.parametrize(
    ("bfloat16", "error", "auto", "fastest"),
    [
        (None, None, torch.float32, torch.float32),
        (240.0, 0.003, torch.float32, torch.float32),
        (380.0, 0.003, torch.float32, torch.bfloat16),
        (1000.0, 0.003, torch.bfloat16, torch.bfloat16),
        (1000.0, 0.1, torch.float32, torch.float32),
    ],
)
def test_on_a_cpu_auto_takes_bfloat16_for_a_large_gain_and_little_error(
    monkeypatch, tmp_path, bfloat16, error, auto, fastest
):
    speeds = SPEEDS | ({"bfloat16": bfloat16} if bfloat16 else {})
    errors = {"bfloat16": error} if error else {}
    choice = KernelChoice("onednn", "a test", speeds, errors)
    monkeypatch.setattr(precision, "choose_kernel", lambda folder: choice)
    found = [choose_precision(name, "cpu", tmp_path) for name in ("auto", "fastest")]
    assert [one.dtype for one in found] == [auto, fastest]
    if auto == torch.bfloat16:
        assert found[0].reason == "bfloat16: 5.0 times as fast as float32 on this CPU, error 0.3%"
    assert choose_precision("auto", "cpu").dtype == torch.float32, "nothing is measured unasked"


def test_tf32_is_a_precision_of_cuda_and_no_number_format():
    found = choose_precision("tf32", "cuda")
    assert (found.dtype, found.tf32) == (torch.float32, True)
    for device in ("cpu", "mps"):
        with pytest.raises(UnsupportedDevice, match="does not support tf32"):
            choose_precision("tf32", device)


def test_a_named_precision_is_taken_or_refused():
    assert choose_precision("bfloat16", "cpu").dtype == torch.bfloat16
    assert choose_precision("float16", "mps").dtype == torch.float16
    with pytest.raises(UnsupportedDevice, match="cpu does not support float16"):
        choose_precision("float16", "cpu")
    with pytest.raises(UsageError, match="Did you mean 'bfloat16'"):
        choose_precision("bflot16", "cpu")


@pytest.mark.skipif(not int8.available(), reason="this torch has no such product")
def test_int8_is_float32_with_smaller_weights_and_never_chosen_unasked():
    choice = choose_precision("int8", "cpu")
    assert (choice.dtype, choice.int8) == (torch.float32, True)
    assert "int8" in choice.reason
    others = [choose_precision(n, "cpu") for n in ("auto", "fastest", "float32", "bfloat16")]
    assert not any(other.int8 for other in others)
    with pytest.raises(UsageError, match="Did you mean 'int8'"):
        choose_precision("int4", "cpu")


@pytest.mark.parametrize("device", ["cuda", "cuda:1", "mps"])
def test_int8_is_refused_where_it_is_not_implemented(device):
    with pytest.raises(UnsupportedDevice, match=f"for {device[:4].rstrip(':')}.*Use float32, or"):
        choose_precision("int8", device)


@pytest.mark.parametrize("lacks", ["the tensors", "the engine"])
def test_int8_is_refused_where_torch_lacks_the_product(monkeypatch, lacks):
    if lacks == "the tensors":
        monkeypatch.setattr(int8, "_quantized", None)
    else:
        monkeypatch.setattr(int8.torch.backends.quantized.__class__, "engine", "none")
    with pytest.raises(UnsupportedDevice, match=r"for cpu with torch \d.*Use float32"):
        choose_precision("int8", "cpu")
