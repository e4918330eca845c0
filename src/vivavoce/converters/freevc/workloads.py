"""Named pieces of FreeVC work for audit, self-test and benchmarks: toy or official size."""

from __future__ import annotations

from functools import partial

from vivavoce.converters.body import latent_spec
from vivavoce.converters.freevc.config import FreeVcConfig
from vivavoce.converters.freevc.model import FreeVC
from vivavoce.converters.work import converting, seeded
from vivavoce.nn.wavlm_config import WavLmConfig

FULL = FreeVcConfig(n_bins=1024, speaker_width=256)
TOY = FreeVcConfig(
    n_bins=16,
    latent_width=8,
    speaker_width=8,
    n_couplings=2,
    flow_width=8,
    flow_layers=2,
    posterior_width=8,
    posterior_layers=3,
    n_mels=20,
    wavlm=WavLmConfig((8,) * 7, 16, 16, 2, 2, 16, 4, 32, 80),
)


def random_model(full: bool = False) -> FreeVC:
    """Seeded weights in which every layer has a say."""
    config = FULL if full else TOY
    return seeded(lambda: FreeVC(config, latent_spec(config.latent_width, 480, 24_000)))


workloads = partial(converting, random_model)
