"""Launches of kernels and copies to the device, of the full models: budgets, counted on meta.

A launch costs some 5 µs of CPU, and a copy waits for everything that is queued.
"""

from __future__ import annotations

from functools import cache

import pytest
import torch

from tests.launches import META, Launches
from vivavoce.audio.specs import BIGVGAN_24K
from vivavoce.checkpoints.remap import without_numbers
from vivavoce.models.f5.config import F5Options
from vivavoce.models.f5.dit import DiT
from vivavoce.models.f5.sampler import evaluations
from vivavoce.models.f5.workloads import FULL as F5_FULL
from vivavoce.models.xtts.workloads import FULL as XTTS_FULL
from vivavoce.nn.gpt import Gpt
from vivavoce.nn.kv_cache import Span
from vivavoce.runtime.arithmetic import Arithmetic
from vivavoce.types import FeatureSpec
from vivavoce.vocoders.bigvgan.config import BigvganConfig
from vivavoce.vocoders.bigvgan.model import Bigvgan
from vivavoce.vocoders.vocos.config import VocosConfig
from vivavoce.vocoders.vocos.model import Vocos

FRAMES = 1125
FORMATS = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])


def repeated(work) -> Launches:
    """The second time: tables that are kept are there."""
    with torch.no_grad():  # in inference mode operators would come whole, not as kernels
        work()
        with Launches() as found:
            work()
    return found


@cache
def f5(dtype: torch.dtype) -> DiT:
    with without_numbers():
        model = DiT(F5_FULL)
    model.eval().requires_grad_(False).freeze(Arithmetic(dtype))
    return model


@FORMATS
@pytest.mark.parametrize("lengths", [[FRAMES], [FRAMES, FRAMES - 200]], ids=["equal", "ragged"])
def test_an_evaluation_of_f5(dtype, lengths):
    model, rows = f5(dtype), len(lengths)
    known = torch.empty(rows, FRAMES, F5_FULL.n_mels, device=META)
    ids = [torch.zeros(80, dtype=torch.long, device=META)] * rows
    context = model.context(known, ids, lengths, guided=True)
    schedule = model.schedule(evaluations(F5Options(steps=2)).to(META))
    at_first = [entry[0] for entry in schedule]
    found = repeated(lambda: model(known, at_first, context))
    assert found.total <= 800, found.kernels
    assert (found.copies, found.waits) == ([], [])


@cache
def gpt(dtype: torch.dtype) -> Gpt:
    with without_numbers():
        model = Gpt(XTTS_FULL)
    model.eval().requires_grad_(False).freeze(Arithmetic(dtype))
    return model


@pytest.mark.parametrize(("dtype", "most"), [(torch.float32, 520), (torch.bfloat16, 700)])
def test_a_code_of_xtts(dtype, most):
    """What a recording holds: in it nothing may be copied from the CPU or read back."""
    model, rows = gpt(dtype), 4
    cache = model.cache(rows)
    cache.reserve(128)
    where = torch.zeros(rows, 3, dtype=torch.long, device=META)

    def step():
        said, places, columns = where.unbind(1)
        return model(model.codes(said[:, None], places[:, None]), cache, Span.rows_at(columns, 128))

    found = repeated(step)
    assert found.total <= most, found.kernels
    assert (found.copies, found.waits) == ([], [])


def test_a_window_of_vocos():
    with without_numbers():
        model = Vocos(VocosConfig(), FeatureSpec()).freeze()
    mel = torch.empty(1, model.accepts.n_mels, 240, device=META)
    found = repeated(lambda: model.decode(mel))
    assert found.total <= 90, found.kernels
    assert (found.copies, found.waits) == ([], [])


def test_a_window_of_bigvgan():
    with without_numbers():
        model = Bigvgan(BigvganConfig(), BIGVGAN_24K).freeze()
    mel = torch.empty(1, BIGVGAN_24K.n_mels, 60, device=META)
    found = repeated(lambda: model.decode(mel))
    assert (found.copies, found.waits) == ([], [])
