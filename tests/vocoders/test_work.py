"""Pieces of work: sizes as stated, numbers the same every time, a speaker where one is taken."""

from __future__ import annotations

import pytest
import torch

from tests.vocoders.test_base import HOP, WIDTH, Sum
from vivavoce.vocoders import VOCODERS
from vivavoce.vocoders.work import decoding, streaming

WORKS = {
    "decoding": lambda make: decoding("batch", make, 3, 20),
    "streaming": lambda make: streaming(make, 50, 12),
}


class Told(Sum):
    told: list[object]

    def decode(self, features, condition=None):
        self.told = [*getattr(self, "told", []), condition]
        return super().decode(features, condition)


@pytest.mark.parametrize("name", WORKS)
@pytest.mark.parametrize("speakers", [False, True])
def test_a_speaker_is_there_for_those_that_take_one(name, speakers):
    made = []

    def make(full):
        made.append((full, Told(speakers=speakers)))
        return made[-1][1]

    result = WORKS[name](make).build("cpu")()
    (full, vocoder), rows = made[0], 3 if name == "decoding" else 1
    assert not full
    for condition in vocoder.told:
        if speakers:
            assert condition.shape == (rows, WIDTH, 1)
            assert condition.abs().max() > 0.1
        else:
            assert condition is None
    samples = result if name == "decoding" else torch.cat(result, -1)
    assert samples.shape == (rows, HOP * (20 if name == "decoding" else 50))


@pytest.mark.parametrize("name", WORKS)
def test_the_numbers_are_the_same_every_time(name):
    def results(seed):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        found = WORKS[name](lambda _full: Sum(speakers=True)).build("cpu")()
        assert torch.equal(torch.get_rng_state(), before), "others' random numbers are untouched"
        return found

    one, other = results(1), results(2)
    pairs = [(one, other)] if name == "decoding" else list(zip(one, other, strict=True))
    assert all(torch.equal(*pair) for pair in pairs)


def test_xtts_s_vocoder_is_told_a_speaker():
    work = VOCODERS.workloads()["hifigan.latents"]
    with torch.inference_mode():
        samples = work.build("cpu")()
    assert samples.shape == (1, 5625 * 256)
    assert samples.isfinite().all()
    assert work.description == "1 x 5625 frames"
