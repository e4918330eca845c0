"""Work for the strict engine's own processes: imported there by name."""

import contextlib
import os
import signal
import threading
import time

import torch
from torch import nn
from torch.nn import functional as F

from vivavoce.models import MODELS
from vivavoce.types import Workload
from vivavoce.vocoders import VOCODERS


def istft():
    device = "mps" if torch.backends.mps.is_available() else "cpu"
    window = torch.hann_window(64, device=device)
    spectrum = torch.stft(
        torch.randn(1, 640, device=device), 64, window=window, return_complex=True
    )
    return torch.istft(spectrum, 64, window=window)


def long_convolution():
    conv = nn.Conv1d(1, 2, 3).to("mps")
    conv(torch.zeros(1, 1, 70_000, device="mps")).sum().backward()


def silent_and_missing():
    x = torch.randn(3, 3, device="mps", requires_grad=True)
    torch.linalg.svd(x.detach())
    torch.mode(x)[0].sum().backward()
    torch.ones(3, device="mps") @ torch.ones(3)
    return x.grad.sum().item()


def on_the_default_device():
    assert torch.zeros(1).device.type == "mps"
    return torch.mode(torch.zeros(3))


def failing():
    raise ValueError("nothing to do with devices")


def dying():
    torch.mode(torch.zeros(3, device="mps"))
    os.kill(os.getpid(), signal.SIGSEGV)


def endless():
    time.sleep(600)


def forking():
    if os.fork() == 0:
        raise SystemExit(3)
    os.wait()
    return F.relu(torch.ones(2, device="mps"))


def compute_in_threads(device, lock=None):
    """Two threads of forty products each."""
    barrier = threading.Barrier(2)
    x = torch.ones(8, 8, device=device)

    def steps():
        barrier.wait()
        for _ in range(40):
            with lock or contextlib.nullcontext():
                x.mm(x)

    threads = [threading.Thread(target=steps) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@torch.no_grad()
def wrong_numbers():
    """One call for every wrong number of attention and linear layers that is known of 2.8."""
    attend = F.scaled_dot_product_attention
    query, key = torch.randn(2, 4, 1, 64), torch.randn(2, 4, 40, 64)
    attend(query, key, key, attn_mask=torch.ones(2, 1, 1, 40, dtype=torch.bool))
    half, keys = torch.randn(1, 1, 8, 64).half(), torch.randn(1, 1, 1024, 64).half()
    attend(half, keys, keys)
    attend(half, half, half, is_causal=True)
    F.linear(torch.randn(2, 8), torch.randn(8, 4).t())
    F.linear(half[0], torch.randn(4, 64).half())


def two_threads_without_a_device():
    """As two_threads, on whatever device is the default."""
    made = [threading.Thread(target=_products) for _ in range(2)]
    for thread in made:
        thread.start()
    for thread in made:
        thread.join()


def _products():
    for _ in range(100):
        torch.ones(8, 8).mm(torch.ones(8, 8))


def two_threads():
    compute_in_threads("mps")


def two_threads_with_a_lock():
    compute_in_threads("mps", threading.Lock())


def workloads():
    def build(device, full=False):
        layer = nn.Linear(4, 4).to(device)
        return lambda: layer(torch.ones(2, 4, device=torch.device(device)))

    return {"a.linear": Workload("a.linear", "one product", build)}


def all_our_work():
    """Every workload of every family, each said by name when it fails."""

    for name, work in (MODELS.workloads() | VOCODERS.workloads()).items():
        try:
            work.build("mps:0")()
        except Exception as error:
            raise RuntimeError(f"{name}: {error}") from error
