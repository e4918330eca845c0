"""Named pieces of OpenVoice work for audit, self-test and benchmarks: toy or official size."""

from __future__ import annotations

from functools import partial

from vivavoce.converters.body import latent_spec
from vivavoce.converters.openvoice.config import OpenVoiceConfig
from vivavoce.converters.openvoice.model import OpenVoice
from vivavoce.converters.work import converting, seeded

FULL = OpenVoiceConfig(speaker_width=256)
TOY = OpenVoiceConfig(
    n_bins=257,
    latent_width=8,
    speaker_width=8,
    n_couplings=2,
    flow_width=8,
    flow_layers=2,
    posterior_width=8,
    posterior_layers=3,
    channels=(2, 2, 4, 4, 4, 4),
    recurrent=8,
)


def random_model(full: bool = False) -> OpenVoice:
    """Seeded weights in which every layer has a say."""
    config = FULL if full else TOY
    spec = latent_spec(config.latent_width, config.hop, 22_050)
    return seeded(lambda: OpenVoice(config, spec))


workloads = partial(converting, random_model)
