"""Named pieces of kNN-VC work for audit, self-test and benchmarks: toy or official size."""

from __future__ import annotations

from functools import partial

from vivavoce.converters.body import latent_spec
from vivavoce.converters.knnvc.config import KnnVcConfig
from vivavoce.converters.knnvc.model import KnnVC
from vivavoce.converters.work import converting, seeded
from vivavoce.nn.wavlm_config import HOP, WavLmConfig

FULL = KnnVcConfig()
TOY = KnnVcConfig(wavlm=WavLmConfig((8,) * 7, 16, 16, 2, 2, 16, 4, 32, 80, final_norm=False))


def random_model(full: bool = False) -> KnnVC:
    """Seeded weights."""
    config = FULL if full else TOY
    return seeded(lambda: KnnVC(config, latent_spec(config.wavlm.width, HOP, 16_000)))


workloads = partial(converting, random_model)
