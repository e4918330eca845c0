"""Training the generators of HiFi-GAN and BigVGAN: first weights, weight norm, windows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize

from vivavoce.checkpoints.remap import unfold_weight_norm
from vivavoce.errors import ConfigError
from vivavoce.vocoders.adversarial.config import AdversarialLoss
from vivavoce.vocoders.adversarial.task import AdversarialTask
from vivavoce.vocoders.base import decode_windowed
from vivavoce.vocoders.generator import Generator

INIT_STD = 0.01
"""Of the upsampling, residual and last convolutions, as in HiFi-GAN's published code."""


class GeneratorTask(AdversarialTask):
    """A generator with weight normalisation in every convolution.

    Raises ConfigError for a generator that takes a speaker.
    """

    vocoder: Generator

    def __init__(
        self, family: str, config: object, generator: Generator, loss: AdversarialLoss
    ) -> None:
        if generator.condition_width:
            raise ConfigError(
                f"A {generator.title} with a speaker vector is trained with its model only.",
                "Set model.condition_dim = 0.",
            )
        for layer in _convolutions(generator.stages, generator.last):
            nn.init.normal_(layer.get_parameter("weight"), 0.0, INIT_STD)
        super().__init__(family, config, generator, loss)
        for layer in _convolutions(generator):
            parametrizations.weight_norm(layer)

    def take(self, tensors: Mapping[str, Tensor], tables: Mapping[str, Any]) -> None:
        """Plain weights, which are put under their norm exactly."""
        own = dict(tensors)
        for name, layer in self.vocoder.named_modules():
            if parametrize.is_parametrized(layer, "weight") and f"{name}.weight" in own:
                parts = unfold_weight_norm(own.pop(f"{name}.weight"))
                own |= {f"{name}.{end}": part for end, part in parts.items()}
        super().take(own, tables)

    def rebuild(self, features: Tensor) -> Tensor:
        """In windows: no convolution of Apple's meets more than 65,536 steps."""
        hop, edge = self.spec.hop_length, self.vocoder.edge_frames
        samples = decode_windowed(self.vocoder, features)
        return samples[:, edge * hop : (edge + features.shape[-1]) * hop]


def _convolutions(*modules: nn.Module) -> list[nn.Module]:
    kinds = (nn.Conv1d, nn.ConvTranspose1d)
    return [m for module in modules for m in module.modules() if isinstance(m, kinds)]
