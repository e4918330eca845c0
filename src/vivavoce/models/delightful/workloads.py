"""Named pieces of the model's work for audit, self-test and benchmarks: toy or official size."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import torch

from vivavoce.audio.specs import VITS_MEL_22K
from vivavoce.models.delightful.config import ConformerSizes, DelightfulConfig
from vivavoce.models.delightful.model import DelightfulTTS
from vivavoce.models.work import speaking
from vivavoce.types import FeatureSpec, Workload

FULL = DelightfulConfig(n_tokens=132)
TOY = DelightfulConfig(
    n_tokens=132,
    n_mels=20,
    width=16,
    encoder=ConformerSizes(2, 2, 7),
    decoder=ConformerSizes(2, 2, 11),
    utterance=12,
)
SPEC = replace(VITS_MEL_22K, f_max=8000.0)
FRAMES_PER_TOKEN = 5


def workloads() -> dict[str, Workload]:
    """The pieces of work, by name. The longest is a text of 200 letters, 11 s."""
    found = (
        speaking("shortest", made, 1, 1),
        speaking("typical", made, 1, 100),
        speaking("longest", made, 1, 200),
        speaking("batch", made, 3, 40, fewer=9),
        speaking("speakers", partial(made, speakers=4), 2, 40),
    )
    return {work.name: work for work in found}


def made(device: torch.device, full: bool, speakers: int = 0) -> DelightfulTTS:
    width = 384 if full else 8
    sizes = {"n_speakers": speakers, "speaker_width": width if speakers else 0}
    return random_model(replace(FULL if full else TOY, **sizes), device)


def random_model(
    config: DelightfulConfig, device: torch.device | str, spec: FeatureSpec = SPEC
) -> DelightfulTTS:
    """Seeded weights that speak about five frames a token."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        names = tuple("abcdefgh"[: config.n_speakers])
        model = DelightfulTTS(config, replace(spec, n_mels=config.n_mels), speaker_names=names)
        last = model.durations.projection
        torch.nn.init.normal_(last.weight, 0.0, 0.003)  # far from where the frames are rounded
        torch.nn.init.constant_(last.bias, torch.tensor(1.0 + FRAMES_PER_TOKEN).log().item())
    return model.to(device).freeze()
