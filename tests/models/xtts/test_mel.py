"""The three mels of XTTS, against recordings."""

from __future__ import annotations

import pytest
import torch

from tests.tolerance import assert_spectrum
from vivavoce.audio.specs import DVAE_22K, XTTS_COND_V1, XTTS_COND_V2
from vivavoce.models.xtts.mel import scaled_mel


@pytest.mark.parity
@pytest.mark.parametrize(
    ("output", "spec"),
    [
        ("xtts_cond_mel_v2", XTTS_COND_V2),
        ("xtts_cond_mel_v1", XTTS_COND_V1),
        ("dvae_mel", DVAE_22K),
    ],
)
def test_they_are_the_published_ones(load_parity, output, spec):
    recorded = load_parity("mels_22k")
    norms = recorded.inputs["mel_norms"]
    found = scaled_mel(recorded.inputs["wave22k"], spec, norms)
    powers = [(mel.double() * norms[:, None]).exp() for mel in (found, recorded.outputs[output])]
    assert_spectrum(*powers)


def test_half_precision_statistics_and_samples_still_make_a_whole_mel():
    samples, stats = torch.randn(1, 8000, dtype=torch.float16), torch.ones(80, dtype=torch.float16)
    found = scaled_mel(samples, DVAE_22K, stats)
    assert found.dtype == torch.float32
    assert found.shape == (1, 80, 8000 // 256 + 1)
