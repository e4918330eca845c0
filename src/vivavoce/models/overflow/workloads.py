"""Named pieces of neural HMM work for audit, self-test and benchmarks: toy or official size."""

from __future__ import annotations

from dataclasses import replace

import torch

from vivavoce.audio.specs import COQUI_22K
from vivavoce.models.overflow.config import HmmConfig, HmmOptions
from vivavoce.models.overflow.model import NeuralHmm
from vivavoce.models.work import speaking
from vivavoce.nn.glow_config import GlowFlowConfig
from vivavoce.types import FeatureSpec, Workload

FULL = HmmConfig(130, dropout_at_inference=True)
TOY = HmmConfig(140, 20, 16, memory=16, prenet=(12, 12), outputs=(16,))
TOY_FLOW = GlowFlowConfig(n_mels=20, n_flows=2, decoder_width=12, flow_layers=2)
MOVE = 0.5
"""Logit of leaving a state: two frames a state or so."""


def workloads() -> dict[str, Workload]:
    """The pieces of work, by name."""
    found = (
        _speaking("shortest", 1, 1),
        _speaking("typical", 1, 60),
        _speaking("longest", 1, 200),
        _speaking("batch", 4, 30),
        _speaking("overflow", 1, 60, flow=True),
        _speaking("sampled", 1, 20, sampled=True),
    )
    return {work.name: work for work in found}


def random_model(
    config: HmmConfig, device: torch.device, spec: FeatureSpec = COQUI_22K
) -> NeuralHmm:
    """Seeded weights in which every layer has a say and states are left after a frame or two."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = NeuralHmm(config, replace(spec, n_mels=config.n_mels))
        for name, parameter in model.named_parameters():
            if ".end." in name:
                torch.nn.init.normal_(parameter, 0.0, 0.01)
        model.output.weight.data[-1].mul_(0.1)
        model.output.bias.data[-1] = MOVE
    return model.to(device).freeze()


def _speaking(
    name: str, rows: int, count: int, flow: bool = False, sampled: bool = False
) -> Workload:
    def made(device: torch.device, full: bool) -> NeuralHmm:
        config = replace(FULL if full else TOY, sampled_moves=sampled)
        if flow:
            config = replace(config, flow=GlowFlowConfig(decoder_width=150) if full else TOY_FLOW)
        return random_model(config, device)

    return speaking(name, made, rows, count, HmmOptions(temperature=0.334), fewer=3)
