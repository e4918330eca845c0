from __future__ import annotations

import gc
import mmap
import subprocess
import sys

import pytest
import torch

from vivavoce.runtime import bucket_length, memory
from vivavoce.runtime.memory import (
    in_large_pages,
    out_of_memory,
    release,
    release_unused,
    trim,
    usable,
)


def test_peak_counts_bytes_and_stays_after_they_are_given_back():
    code = """
from vivavoce.runtime import peak_memory
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
    if sys.platform == "linux":
        assert 2**24 < now.used <= now.peak < 2**40
        assert now.free > 0
    else:  # macOS tells the peak alone, Windows nothing
        assert now.peak is None or 2**24 < now.peak < 2**40


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


@pytest.fixture(params=["as here", "no such pages", "refused"])
def system(request, monkeypatch):
    if request.param == "no such pages":
        monkeypatch.delattr(mmap, "MADV_HUGEPAGE", raising=False)
    elif request.param == "refused":
        monkeypatch.setattr(mmap, "MADV_HUGEPAGE", 12345, raising=False)  # EINVAL: no such advice
    return request.param


@pytest.mark.usefixtures("system")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int8])
@pytest.mark.parametrize("shape", [(300, 700), (7,), (), (0,), (4, 0, 3)])
def test_a_copy_in_large_pages_is_a_copy(shape, dtype):
    source = (100 * torch.randn(shape)).to(dtype)
    copy = in_large_pages(source)
    assert (copy.shape, copy.dtype, copy.device.type) == (source.shape, dtype, "cpu")
    assert torch.equal(copy, source)
    assert not source.numel() or copy.data_ptr() != source.data_ptr()


@pytest.mark.usefixtures("system")
def test_a_copy_may_be_of_another_type():
    source = torch.randn(300, 70)
    assert torch.equal(in_large_pages(source, torch.bfloat16), source.bfloat16())
    assert torch.equal(in_large_pages(source.bfloat16(), torch.float32), source.bfloat16().float())
    assert in_large_pages(source[:0], torch.int8).dtype == torch.int8


@pytest.mark.usefixtures("system")
def test_it_owns_what_it_holds():
    source = torch.arange(1 << 20, dtype=torch.float32).view(1024, 1024)
    kept = in_large_pages(source)
    source.zero_()
    part = kept[5]
    del kept, source
    gc.collect()
    [torch.full((1 << 20,), 7.0) for _ in range(4)]  # memory that was let go would be taken
    assert torch.equal(part, torch.arange(5 * 1024, 6 * 1024, dtype=torch.float32))
    part.add_(1)
    assert part[0] == 5 * 1024 + 1


@pytest.mark.usefixtures("system")
def test_a_view_becomes_rows_that_follow_one_another():
    view = torch.randn(30, 20).t()
    copy = in_large_pages(view)
    assert copy.is_contiguous()
    assert torch.equal(copy, view)


@pytest.mark.parametrize("fault", [None, OSError, TypeError, AttributeError])
def test_giving_back_what_was_freed_is_tried_where_it_can_be(monkeypatch, fault):
    if fault is not None:

        def library(_name):
            raise fault("no such thing here")

        monkeypatch.setattr("ctypes.CDLL", library)
    trim()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 17 GB)"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_devices_say_in_their_own_words_that_memory_ran_out(error, expected):
    assert out_of_memory(error) is expected


def test_the_cpu_s_memory_is_given_back_and_counted():
    cpu = torch.device("cpu")
    release(cpu)
    release_unused(cpu)
    found = usable(cpu)
    assert found is None or found > 1e6


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_large_blocks_leave_no_hole():
    """Five blocks of 20 MB, each freed: glibc alone would keep them from the second on."""
    code = """
import torch
from vivavoce.runtime.memory import keep_large_blocks_apart, memory
keep_large_blocks_apart()
one = torch.ones(5_000_000); del one
held = [torch.ones(5_000_000) for _ in range(5)]
small = torch.ones(1000)
before = memory("cpu").used
held.clear()
print(before - memory("cpu").used)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 90e6


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")
def test_holes_that_utterances_leave_go_back_once_they_add_up():
    code = """
from vivavoce.runtime import memory
from vivavoce.runtime.memory import utterance_ended
utterance_ended()
before = memory("cpu").used
blocks = [bytearray(100_000) for _ in range(1500)]
last = bytearray(100_000)  # keeps glibc from giving back what lies below it
del blocks
held = memory("cpu").used
utterance_ended()
print(before, held, memory("cpu").used)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, held, after = map(int, done.stdout.split())
    assert held - before > 140e6
    assert after - before < 10e6
