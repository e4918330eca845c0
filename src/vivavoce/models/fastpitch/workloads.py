"""Named pieces of the model's work for audit, self-test and benchmarks: toy or official size."""

from __future__ import annotations

from dataclasses import replace

import torch

from vivavoce.audio.specs import COQUI_22K
from vivavoce.models.fastpitch.config import (
    FastPitchConfig,
    PredictorSizes,
    StackSizes,
)
from vivavoce.models.fastpitch.model import FastPitch
from vivavoce.models.work import speaking
from vivavoce.types import FeatureSpec, Workload

FULL = FastPitchConfig(n_tokens=130, pitch=PredictorSizes(), energy=PredictorSizes())
SPEEDY = FastPitchConfig(
    n_tokens=130,
    width=128,
    encoder=StackSizes("residual", kernel=4, dilations=(*(4 * (1, 2, 4)), 1)),
    decoder=StackSizes("residual", kernel=4, dilations=(*(4 * (1, 2, 4, 8)), 1)),
)
_SMALL = PredictorSizes(width=16)
# A head as wide as the official one: GPUs choose the kernel of attention by that width.
TOY = FastPitchConfig(
    n_tokens=130,
    encoder=StackSizes(layers=2, inner=24),
    decoder=StackSizes(layers=2, inner=24),
    durations=_SMALL,
    pitch=_SMALL,
    energy=_SMALL,
)
TOY_SPEEDY = replace(
    TOY,
    width=16,
    encoder=StackSizes("residual", kernel=4, dilations=(1, 2)),
    decoder=StackSizes("residual", kernel=4, dilations=(1, 2)),
)
FRAMES_PER_TOKEN = 5


def workloads() -> dict[str, Workload]:
    """The pieces of work, by name. The longest is as many frames as the model can tell apart."""
    found = (
        _speaking("shortest", 1, 1),
        _speaking("typical", 1, 100),
        _speaking("longest", 1, 1000),
        _speaking("batch", 8, 100),
        _speaking("speedy", 2, 100, SPEEDY, TOY_SPEEDY),
        _speaking("speakers", 2, 100, replace(FULL, n_speakers=4), replace(TOY, n_speakers=4)),
    )
    return {work.name: work for work in found}


def random_model(
    config: FastPitchConfig, device: torch.device, spec: FeatureSpec = COQUI_22K
) -> FastPitch:
    """Seeded weights that speak about five frames a token."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        names = tuple("abcdefgh"[: config.n_speakers])
        model = FastPitch(config, replace(spec, n_mels=config.n_mels), speaker_names=names)
        last = model.durations.projection
        assert isinstance(last, torch.nn.Conv1d)
        assert last.bias is not None
        torch.nn.init.normal_(last.weight, 0.0, 0.003)  # far from where the frames are rounded
        torch.nn.init.constant_(last.bias, torch.tensor(1.0 + FRAMES_PER_TOKEN).log().item())
        if model.positions is not None:
            torch.nn.init.normal_(model.positions)
    return model.to(device).freeze()


def _speaking(
    name: str, rows: int, count: int, official: FastPitchConfig = FULL, toy: FastPitchConfig = TOY
) -> Workload:
    return speaking(name, lambda on, full: random_model(official if full else toy, on), rows, count)
