"""What float32 means on CUDA, by torch's own switches: they can be turned where no GPU is."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Barrier, Thread

import pytest
import torch

from vivavoce.runtime.float32 import exact_float32, set_float32

CUDA, CPU = torch.device("cuda"), torch.device("cpu")


NAMES_BY_PART = hasattr(torch.backends.cudnn, "conv")
"""From torch 2.9 on."""


def forms() -> set[str]:
    cudnn, products = torch.backends.cudnn, torch.backends.cuda.matmul
    if NAMES_BY_PART:
        return {part.fp32_precision for part in (cudnn.conv, cudnn.rnn, products)}
    return {"tf32" if allowed else "ieee" for allowed in (cudnn.allow_tf32, products.allow_tf32)}


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """Torch begins with TF32 in convolutions alone."""
    yield
    torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = True, False


def test_float32_is_float32_unless_tf32_is_asked_for():
    set_float32(CUDA)
    assert forms() == {"ieee"}
    set_float32(CUDA, tf32=True)
    assert forms() == {"tf32"}
    set_float32(CPU)
    assert forms() == {"tf32"}, "other devices have nothing to decide"
    set_float32(CUDA)
    assert forms() == {"ieee"}


@pytest.mark.parametrize("tf32", [False, True])
def test_whoever_asks_torch_by_the_old_names_is_answered(tf32):
    """It raises where old and new names were mixed."""
    if NAMES_BY_PART:
        torch.backends.cudnn.conv.fp32_precision = "ieee"
    set_float32(CUDA, tf32)
    assert torch.backends.cudnn.allow_tf32 is tf32
    assert torch.backends.cuda.matmul.allow_tf32 is tf32
    assert torch.get_float32_matmul_precision() == ("high" if tf32 else "highest")


def test_voices_are_exact_whatever_was_decided_even_in_several_threads():
    set_float32(CUDA, tf32=True)
    inside, seen = Barrier(2), []

    def make_voice() -> None:
        with exact_float32(CUDA):
            inside.wait()
            seen.append(forms())
            inside.wait()

    other = Thread(target=make_voice)
    other.start()
    make_voice()
    other.join()
    assert seen == [{"ieee"}, {"ieee"}]
    assert forms() == {"tf32"}
    with exact_float32(CPU):
        assert forms() == {"tf32"}
