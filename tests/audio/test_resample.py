import math
import re

import numpy as np
import pytest
import torch

from tests.tolerance import EPSILON, assert_near
from vivavoce.audio.resample import (
    resample,
    resample_as_published,
    resample_pieces,
    sinc_resample,
)
from vivavoce.errors import AudioError

TAPS = 16.0  # roundings: sums over some tens of taps; measured 2, on every processor tried


def tone(hz: float, rate: int, seconds: float = 0.5) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate).astype(np.float32)


@pytest.mark.parity
@pytest.mark.parametrize("name", ["mels_24k", "mels_22k"])
def test_sinc_matches_every_recorded_conversion(load_parity, name):
    recorded = load_parity(name)
    outputs = [key for key in recorded.outputs if "resample" in key]
    assert outputs
    for key in outputs:
        have, want = map(int, re.findall(r"\d+", key))
        source = "wave22k" if key.startswith("xtts") else f"wave{have}"
        got = sinc_resample(recorded.inputs[source], have, want)
        assert_near(got, sinc_resample(recorded.inputs[source].double(), have, want).float(), TAPS)
        assert_near(got, recorded.outputs[key], 8 * TAPS)  # the reference's table is rougher


@pytest.mark.parametrize(("have", "want"), [(24000, 16000), (22050, 24000), (8000, 48000)])
def test_sinc_in_windows_equals_the_whole_and_stays_small(monkeypatch, have, want):
    samples = torch.randn(2, 150_000, generator=torch.Generator().manual_seed(0))
    seen = []
    conv1d = torch.nn.functional.conv1d

    def watched(x, weight, **kwargs):
        out = conv1d(x, weight, **kwargs)
        seen.extend([*x.shape, *weight.shape, *out.shape])
        return out

    monkeypatch.setattr(torch.nn.functional, "conv1d", watched)
    got = sinc_resample(samples, have, want)
    assert max(seen) <= 65_536
    assert got.shape == (2, math.ceil(150_000 * want / have))
    monkeypatch.setattr("vivavoce.audio.resample.LARGEST_DIMENSION", 2**30)
    seen.clear()
    assert_near(got, sinc_resample(samples, have, want), TAPS)
    assert max(seen) > 65_536


def test_sinc_keeps_a_tone_and_its_gradient():
    samples = torch.from_numpy(tone(1000, 24000))[None].requires_grad_()
    got = sinc_resample(samples, 24000, 22050)
    want = torch.from_numpy(tone(1000, 22050))[None]
    assert (got - want)[:, 200:-200].abs().max() < 2e-3
    got.sum().backward()
    assert torch.isfinite(samples.grad).all()
    assert samples.grad.abs().max() > 0


@pytest.mark.parametrize(("have", "want"), [(48000, 22050), (22050, 48000)])
def test_soxr_keeps_tones_and_removes_what_would_alias(have, want):
    got = resample(tone(1000, have), have, want)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got[500:-500], tone(1000, want)[500:-500], atol=1e-4)
    if have > want:
        high = resample(tone(15000, have), have, want)
        assert np.abs(high[500:-500]).max() < 1e-4


def test_pieces_equal_the_whole():
    samples = np.random.default_rng(0).standard_normal(50_000).astype(np.float32)
    pieces = [samples[i : i + 777] for i in range(0, len(samples), 777)]
    got = np.concatenate(list(resample_pieces(pieces, 44100, 24000)))
    whole = resample(samples, 44100, 24000)
    np.testing.assert_allclose(got, whole, atol=2 * TAPS * EPSILON * np.abs(whole).max(), rtol=0)
    assert list(resample_pieces(pieces, 24000, 24000))[3] is pieces[3]


def test_nothing_and_same_rate():
    assert len(resample(np.zeros(0, np.float32), 8000, 24000)) == 0
    same = torch.ones(1, 5)
    assert sinc_resample(same, 24000, 24000) is same
    assert sinc_resample(torch.zeros(1, 0), 16000, 24000).shape == (1, 0)


def test_senseless_rates_raise():
    with pytest.raises(AudioError, match="0 Hz"):
        resample(np.zeros(4, np.float32), 0, 24000)
    with pytest.raises(AudioError, match="too large a table"):
        sinc_resample(torch.zeros(1, 10), 44101, 48000)


def test_as_published_where_the_rates_share_a_factor_and_by_soxr_elsewhere():
    row = torch.from_numpy(tone(1000, 44100))[None]
    assert torch.equal(resample_as_published(row, 44100, 22050), sinc_resample(row, 44100, 22050))
    odd = resample_as_published(row, 44101, 24000)
    np.testing.assert_array_equal(odd[0], resample(row[0].numpy(), 44101, 24000))
    with pytest.raises(AudioError, match="0 Hz"):
        resample_as_published(row, 0, 24000)
