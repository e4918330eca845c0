"""Devices absent, broken or misspelt; accelerators are played by patched torch functions."""

from __future__ import annotations

import warnings

import pytest
import torch

from vivavoce.errors import UnsupportedDevice
from vivavoce.runtime import Selection, select, synchronise
from vivavoce.runtime.select import require_name


@pytest.fixture
def no_accelerator(monkeypatch):
    monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_built", lambda: False)


@pytest.fixture
def one_gpu(monkeypatch):
    monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: f"GPU {index}")


@pytest.fixture
def apple(monkeypatch):
    monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_built", lambda: True)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch, "__version__", "2.13.0")


@pytest.fixture
def probe(monkeypatch):
    """The probe's tensor, made on the CPU; returns the devices it was asked for."""
    asked = []
    ones = torch.ones

    def fake(*shape, device):
        asked.append(device)
        return ones(*shape)

    monkeypatch.setattr(torch, "ones", fake)
    return asked


@pytest.mark.usefixtures("no_accelerator")
def test_auto_without_accelerators_is_the_cpu_and_says_why():
    choice = select()
    assert choice == Selection(torch.device("cpu"), torch.float32, choice.reason)
    assert choice.reason == "CUDA not built into this torch; MPS not built into this torch: CPU"


@pytest.mark.usefixtures("no_accelerator")
@pytest.mark.parametrize("name", ["cuda", "cuda:1", "mps"])
def test_an_absent_device_is_refused_with_advice(name):
    with pytest.raises(UnsupportedDevice, match=r"not built into this torch.*'cpu'"):
        select(name)


def test_an_unknown_name_gets_near_misses():
    with pytest.raises(UnsupportedDevice, match="Did you mean 'cuda'"):
        select("cude")
    with pytest.raises(UnsupportedDevice, match="No device is called 'cuda:x'"):
        select("cuda:x")


@pytest.mark.parametrize("name", ["tpu", "", "cuda:", "mps:1", "cpu:0"])
def test_what_names_no_device_is_told_apart_from_one_that_is_absent(name):
    with pytest.raises(UnsupportedDevice, match="No device is called"):
        require_name(name)


@pytest.mark.parametrize("name", ["auto", "CPU", "cuda", " cuda:7", "mps", "mps:0"])
def test_a_device_may_be_named_where_it_is_absent(name):
    assert require_name(name) == name.strip().lower()


@pytest.mark.usefixtures("one_gpu")
def test_auto_prefers_cuda_and_probes_it(probe):
    choice = select()
    assert choice.device == torch.device("cuda:0")
    assert choice.reason == "CUDA found (GPU 0)"
    assert probe == [torch.device("cuda:0")]


@pytest.mark.usefixtures("one_gpu", "probe")
def test_a_gpu_number_that_does_not_exist_is_refused():
    assert select("cuda").device == torch.device("cuda:0")
    with pytest.raises(UnsupportedDevice, match=r"no device cuda:1.*only cuda:0"):
        select("cuda:1")


@pytest.mark.usefixtures("apple")
def test_auto_takes_mps_and_says_what_was_missing(probe):
    choice = select("auto")
    assert (choice.device.type, probe) == ("mps", [torch.device("mps")])
    assert choice.reason == "CUDA not built into this torch; MPS found"


@pytest.mark.usefixtures("apple")
def test_a_device_that_cannot_hold_a_number_is_an_error_not_the_cpu(monkeypatch):
    def broken(*shape, device):
        raise RuntimeError("MPS backend out of memory (MPS allocated: 0 bytes)\nmore")

    monkeypatch.setattr(torch, "ones", broken)
    with pytest.raises(UnsupportedDevice, match=r"does not work: MPS backend out of memory.*0 b"):
        select("auto")


@pytest.mark.usefixtures("apple")
def test_a_device_that_computes_wrongly_is_an_error(monkeypatch):
    monkeypatch.setattr(torch, "ones", lambda *shape, device: torch.zeros(*shape))
    with pytest.raises(UnsupportedDevice, match="wrongly"):
        select("mps")


@pytest.mark.usefixtures("apple")
def test_mps_of_an_old_torch_is_refused(monkeypatch):
    monkeypatch.setattr(torch, "__version__", "2.12.1")
    with pytest.raises(UnsupportedDevice, match=r"torch 2\.13 or newer, this is 2\.12\.1.*pip"):
        select("mps")
    assert select("auto").device.type == "cpu"


@pytest.mark.usefixtures("apple")
def test_versions_are_numbers_and_not_words(monkeypatch, probe):
    monkeypatch.setattr(torch, "__version__", "2.100.0")
    assert select("mps").device.type == "mps"


def test_a_driver_warning_becomes_part_of_the_reason(monkeypatch):
    monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: True)
    monkeypatch.setattr(torch.backends.mps, "is_built", lambda: False)

    def old_driver():
        warnings.warn("driver too old", stacklevel=1)
        return False

    monkeypatch.setattr(torch.cuda, "is_available", old_driver)
    assert select().reason.startswith("no CUDA device (driver too old); ")


def test_synchronise_waits_only_where_there_is_something_to_wait_for(monkeypatch):
    waited = []
    monkeypatch.setattr(torch.cuda, "synchronize", waited.append)
    monkeypatch.setattr(torch.mps, "synchronize", lambda: waited.append("mps"))
    synchronise("cpu")
    assert waited == []
    synchronise("cuda:1")
    synchronise("mps")
    assert waited == [torch.device("cuda:1"), "mps"]
