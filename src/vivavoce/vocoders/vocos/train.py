"""Training Vocos from recordings alone.

Shapes: B batch, M mels, T frames, S samples.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vivavoce.audio.features import FeatureExtractor
from vivavoce.checkpoints import store
from vivavoce.config import from_dict, to_dict
from vivavoce.nn.task import Batch, Task
from vivavoce.runtime import full_precision
from vivavoce.types import FeatureSpec
from vivavoce.vocoders.vocos.config import VocosConfig
from vivavoce.vocoders.vocos.discriminators import VocosDiscriminators
from vivavoce.vocoders.vocos.losses import (
    ReconstructionLoss,
    adversarial_loss,
    discriminator_loss,
    feature_loss,
)
from vivavoce.vocoders.vocos.model import Vocos


@dataclass(frozen=True)
class VocosLoss:
    """How Vocos is trained. Before `adversarial_from_step` the spectral losses work alone.

    `gain_db`: each clip is made quieter by a random 0 to `gain_db` decibels.
    `discriminator_width` scales the discriminators' channels; 1.0 is the papers' size.
    """

    segment_frames: int = 64
    mel_weight: float = 45.0
    stft_weight: float = 1.0
    adversarial_weight: float = 1.0
    feature_weight: float = 1.0
    adversarial_from_step: int = 0
    gain_db: float = 6.0
    spectral_ffts: tuple[int, ...] = (512, 1024, 2048)
    discriminator_ffts: tuple[int, ...] = (512, 1024, 2048)
    discriminator_periods: tuple[int, ...] = (2, 3, 5, 7, 11)
    discriminator_width: float = 1.0


def build_task(tables: Mapping[str, Any], speakers: tuple[str, ...] = ()) -> VocosTask:
    """The task of the recipe tables `model` (VocosConfig), `features` and `loss` (VocosLoss).

    Raises ConfigError for a key that none of them has. A vocoder has no speakers.
    """
    return VocosTask(
        from_dict(VocosConfig, tables.get("model", {}), "model"),
        from_dict(FeatureSpec, tables.get("features", {}), "features"),
        from_dict(VocosLoss, tables.get("loss", {}), "loss"),
    )


class VocosTask(Task):
    """Vocos against its discriminators: spectral, hinge and feature-matching losses."""

    phases = ("discriminator", "generator")
    needs = frozenset({"samples"})

    def __init__(self, config: VocosConfig, spec: FeatureSpec, loss: VocosLoss) -> None:
        super().__init__()
        self.spec = spec
        self.loss = loss
        self.segment_frames: int = loss.segment_frames  # pyright: ignore[reportIncompatibleVariableOverride]
        self.vocoder = Vocos(config, spec)
        self.discriminators = VocosDiscriminators(
            loss.discriminator_periods, loss.discriminator_ffts, loss.discriminator_width
        )
        self.extract = FeatureExtractor(spec)
        self.reconstruction = ReconstructionLoss(spec, loss.spectral_ffts)

    @property
    def exported(self) -> Vocos:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.vocoder

    def parts(self) -> dict[str, nn.Module]:
        return {"discriminator": self.discriminators, "generator": self.vocoder}

    def forward(self, phase: str, batch: Batch, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """The phase's loss and its parts.

        Before `adversarial_from_step` the discriminator's loss is a constant that needs no
        backward pass.
        """
        adversarial = step >= self.loss.adversarial_from_step
        if phase == "discriminator" and not adversarial:
            return batch["samples"].new_zeros(()), {}
        real = self._quieter(batch["samples"])
        if phase == "discriminator":
            return self._discriminator_step(real)
        return self._generator_step(real, adversarial)

    def _discriminator_step(self, real: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        with torch.no_grad():
            fake = self.vocoder(self._features(real))
        both = self.discriminators(torch.cat([real, fake]))
        n = len(real)
        loss = discriminator_loss(
            [(score[:n], []) for score, _ in both], [(score[n:], []) for score, _ in both]
        )
        return loss, {"discriminator": loss.detach()}

    def _generator_step(self, real: Tensor, adversarial: bool) -> tuple[Tensor, dict[str, Tensor]]:
        fake = self.vocoder(self._features(real))
        with full_precision(real):
            metrics = self.reconstruction(fake, real)
        loss = self.loss.mel_weight * metrics["mel"] + self.loss.stft_weight * metrics["stft"]
        if adversarial:
            with torch.no_grad():
                real_judged = self.discriminators(real)
            with _frozen(self.discriminators):
                fake_judged = self.discriminators(fake)
            metrics["adversarial"] = adversarial_loss(fake_judged)
            metrics["feature"] = feature_loss(real_judged, fake_judged)
            loss = loss + self.loss.adversarial_weight * metrics["adversarial"]
            loss = loss + self.loss.feature_weight * metrics["feature"]
        return loss, {name: value.detach() for name, value in metrics.items()}

    def _features(self, samples: Tensor) -> Tensor:
        with full_precision(samples), torch.no_grad():
            return self.extract(samples)

    def _quieter(self, samples: Tensor) -> Tensor:
        gain_db = -self.loss.gain_db * torch.rand(len(samples), 1)
        return samples * (10 ** (gain_db / 20)).to(samples)

    @torch.no_grad()
    def validate(self, batch: Batch) -> dict[str, Tensor]:
        """`mel`: mean absolute log-mel difference of whole clips, each at its own length."""
        distances = []
        for samples in _clips(batch):
            features = self._features(samples)
            rebuilt = self._features(self.vocoder.decode(features))
            n = min(features.shape[-1], rebuilt.shape[-1])
            distances.append((features[..., :n] - rebuilt[..., :n]).abs().mean())
        return {"mel": torch.stack(distances).mean()}

    @torch.no_grad()
    def sample(self, batch: Batch) -> dict[str, Tensor]:
        """The first clip, rebuilt from its features, with the original and both mels."""
        samples = next(_clips(batch))
        features = self._features(samples)
        rebuilt = self.vocoder.decode(features)
        return {
            "natural.audio": samples[0],
            "rebuilt.audio": rebuilt[0],
            "natural_mel.image": features[0],
            "rebuilt_mel.image": self._features(rebuilt)[0],
        }

    def export(self, folder: Path) -> None:
        """A vocoder folder that `vivavoce speak` can load."""
        manifest = {
            "kind": "vocoder",
            "family": "vocos",
            "name": folder.name,
            "config": to_dict(self.vocoder.config),
            "features": to_dict(self.spec),
        }
        store.save(folder, manifest, self.vocoder.state_dict())


def _clips(batch: Batch) -> Iterator[Tensor]:
    """Each row `[1, S]` without its padding."""
    for row, length in zip(batch["samples"], batch["sample_lengths"].tolist(), strict=True):
        yield row[None, :length]


@contextmanager
def _frozen(module: nn.Module) -> Iterator[None]:
    """What is computed in here takes no gradient to the module's own parameters."""
    module.requires_grad_(False)
    try:
        yield
    finally:
        module.requires_grad_(True)
