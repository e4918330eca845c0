from __future__ import annotations

import json
import socket
import subprocess
import sys
from importlib.util import find_spec

import pytest
import torch

from tests.train.records import records
from vivavoce.models import MODELS
from vivavoce.train import distributed, train
from vivavoce.train.distributed import Group
from vivavoce.vocoders import VOCODERS


def environments(world: int) -> list[dict[str, str]]:
    """What torchrun sets."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    common = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(world)}
    return [{**common, "RANK": str(r), "LOCAL_RANK": str(r)} for r in range(world)]


@pytest.mark.parametrize("kind", ["one", "two", "counted"])
def test_two_processes_train_as_one_that_accumulates(kind, attempt, toy_file, tmp_path):
    """Two batches a step either way: the averaged gradients, and so all numbers, are the same.

    Noise differs between processes on purpose, so the toys are used without it.
    """
    overrides = [f"model.kind={kind}", "model.dropout=0.0", "model.noise=0.0", "optim.steps=15"]
    overrides += ["loop.batch_seconds=0.4"] if kind == "two" else ["loop.batch_seconds=1.5"]
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    train(toy_file, [*overrides, "optim.accumulate=2", f'output="{alone}"'], device="cpu")
    ends = attempt(toy_file, [*overrides, f'output="{shared}"'], environments=environments(world=2))
    assert ends == [0, 0]
    exact = [k for k in records(alone, "train")[0] if k.endswith(("loss", "norm", "lr", "epoch"))]
    for mine, theirs in zip(records(alone, "train"), records(shared, "train"), strict=True):
        assert {k: mine[k] for k in exact} == pytest.approx({k: theirs[k] for k in exact}, rel=1e-6)
    assert records(alone, "validate") == records(shared, "validate")


def test_two_processes_keep_equal_parameters_whatever_the_family():
    """Also what a family starts from its own share of the data, as Glow-TTS does its scales."""
    code = [sys.executable, "-m", "tests.train.two_ranks"]
    done = subprocess.run(code, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    folders = MODELS.folders | VOCODERS.folders
    trainable = {name for name in folders if find_spec(f"{folders[name]}.train")}
    assert found == {family: {"equal": True, "moved": True} for family in trainable}


def test_one_process_alone_needs_no_group():
    value = torch.tensor([1.0, 2.0])
    Group().average([value])
    assert value.tolist() == [1.0, 2.0]
    assert Group().any(True, torch.device("cpu"))
    assert Group().leads


def test_the_environment_decides(monkeypatch):
    for name, value in environments(world=4)[3].items():
        monkeypatch.setenv(name, value)
    group = distributed.from_environment()
    assert group == Group(rank=3, world=4, local_rank=3)
    assert not group.leads
    assert group.device("cpu") == torch.device("cpu")


def test_a_process_touches_no_device_but_its_own(monkeypatch):
    """Half a gigabyte on the first GPU for each of the others, else."""
    done, ones = [], torch.ones
    monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: f"GPU {index}")
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: done.append(("current", device)))

    def probe(*shape, device):
        done.append(("probe", device))
        return ones(*shape)

    monkeypatch.setattr(torch, "ones", probe)
    third = torch.device("cuda", 2)
    assert Group(rank=6, world=8, local_rank=2).device("auto") == third
    assert done == [("current", third), ("probe", third)]
    done.clear()
    assert Group().device("cuda:1") == torch.device("cuda", 1)
    assert done == [("probe", torch.device("cuda", 1))], "a process alone keeps its current device"


def test_buckets_hold_neighbours_of_one_type(monkeypatch):
    monkeypatch.setattr(distributed, "BUCKET_VALUES", 10)
    a, b, c, d = torch.zeros(6), torch.zeros(4), torch.zeros(1), torch.zeros(1, dtype=torch.int64)
    found = distributed._buckets([a, b, c, d])
    assert [[t.numel() for t in bucket] for bucket in found] == [[6, 4], [1], [1]]
