from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from vivavoce.device import bucket_length, memory


def test_peak_counts_bytes_and_stays_after_they_are_given_back():
    code = """
from vivavoce.device import peak_memory
before = peak_memory()
held = b"x" * 100_000_000
del held
print(before, peak_memory())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split())
    assert 1e6 < before < 1e8
    assert 0.9e8 < after - before < 1.2e8


def test_memory_of_the_process():
    now = memory("cpu")
    assert 2**24 < now.used <= now.peak < 2**40
    assert now.free > 0


def test_memory_of_mps_is_what_the_driver_holds(monkeypatch):
    monkeypatch.setattr(torch.mps, "driver_allocated_memory", lambda: 3)
    monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: 10)
    assert memory("mps") == (3, None, 7)


@pytest.mark.parametrize("device", ["cpu", "cuda:1", torch.device("cuda")])
def test_lengths_stay_as_they_are_elsewhere(device):
    assert [bucket_length(n, device) for n in (0, 1, 777)] == [0, 1, 777]


def test_lengths_on_mps_fall_into_few_buckets_with_little_padding():
    lengths = [bucket_length(n, "mps") for n in range(1, 4097)]
    assert all(length >= n for n, length in enumerate(lengths, 1))
    assert all(length <= n * 1.125 for n, length in enumerate(lengths, 1) if n >= 128)
    assert len(set(lengths)) == 48
    assert lengths == sorted(lengths)
    assert all(bucket_length(length, torch.device("mps")) == length for length in set(lengths))
