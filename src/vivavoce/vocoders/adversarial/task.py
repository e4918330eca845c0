"""Training any vocoder from recordings alone, against discriminators.

Shapes: B batch, M mels, T frames, S samples.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vivavoce.audio.features import FeatureExtractor
from vivavoce.checkpoints import store
from vivavoce.checkpoints.remap import fold_weight_norm, strict_load
from vivavoce.config import to_dict
from vivavoce.nn.adversarial import (
    adversarial_losses,
    discriminator_losses,
    feature_losses,
    frozen,
)
from vivavoce.nn.task import Batch, Task
from vivavoce.runtime import full_precision
from vivavoce.vocoders.adversarial.config import AdversarialLoss
from vivavoce.vocoders.adversarial.critics import CriticSet
from vivavoce.vocoders.adversarial.reconstruction import ReconstructionLoss
from vivavoce.vocoders.base import Vocoder


class AdversarialTask(Task):
    """A vocoder against its discriminators: spectral, adversarial and feature-matching losses.

    `family` and `config`, a frozen dataclass, are what the exported model states.
    """

    phases = ("discriminator", "generator")
    needs = frozenset({"samples"})

    def __init__(
        self,
        family: str,
        config: object,
        vocoder: Vocoder,
        loss: AdversarialLoss,
    ) -> None:
        super().__init__()
        self.family, self.config = family, config
        self.spec, self.loss = vocoder.accepts, loss
        self.segment_frames: int = loss.segment_frames  # pyright: ignore[reportIncompatibleVariableOverride]
        self.vocoder = vocoder
        self.discriminators = CriticSet(loss)
        self.extract = FeatureExtractor(self.spec)
        heard = replace(self.spec, f_max=None) if loss.full_band else self.spec
        self.reconstruction = ReconstructionLoss(
            heard, loss.spectral_ffts, loss.mel_clamp, loss.stft_weight > 0, loss.magnitude_clamp
        )

    @property
    def exported(self) -> Vocoder:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.vocoder

    def parts(self) -> dict[str, nn.Module]:
        return {"discriminator": self.discriminators, "generator": self.vocoder}

    def take(self, tensors: Mapping[str, Tensor], tables: Mapping[str, Any]) -> None:
        """A trained vocoder's weights; the discriminators, which nobody publishes, begin anew."""
        strict_load(self.vocoder, tensors)

    def forward(self, phase: str, batch: Batch, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """The phase's loss and its parts.

        A phase that has nothing to learn at this step gives a constant that needs no backward pass.
        """
        adversarial = step >= self.loss.adversarial_from_step
        idle = not adversarial if phase == "discriminator" else step < self.loss.generator_from_step
        if idle:
            return batch["samples"].new_zeros(()), {}
        real = self._quieter(batch["samples"])
        features = self._features(real)
        if phase == "discriminator":
            loss = self.discriminator_loss(real, features)
            return loss, {"discriminator": loss.detach()}
        metrics = self.generator_losses(real, features, adversarial)
        loss = self.total(metrics)
        return loss, {name: value.detach() for name, value in metrics.items()}

    def discriminator_loss(self, real: Tensor, features: Tensor) -> Tensor:
        """Of recordings `[B, S]` and what the vocoder makes of their features `[B, M, T]`."""
        with torch.no_grad():
            fake = self._generated(real, features)
        judged = self.discriminators.both(real, fake)
        losses = discriminator_losses(*judged, self.loss.objective)
        return self.discriminators.total(losses)

    def generator_losses(
        self, real: Tensor, features: Tensor, adversarial: bool = True
    ) -> dict[str, Tensor]:
        """Unweighted: `mel`, `stft` where it counts, and `adversarial` and `feature` if asked."""
        fake = self._generated(real, features)
        with full_precision(real):
            metrics = self.reconstruction(fake, real)
        if adversarial:
            with frozen(self.discriminators):
                fake_judged = self.discriminators(fake)
            with torch.no_grad():
                real_judged = self.discriminators(real)
            losses = adversarial_losses(fake_judged, self.loss.objective)
            metrics["adversarial"] = self.discriminators.total(losses)
            losses = feature_losses(real_judged, fake_judged, self.loss.match_scores)
            metrics["feature"] = self.discriminators.total(losses)
        return metrics

    def total(self, metrics: dict[str, Tensor]) -> Tensor:
        """The weighted sum of `generator_losses`."""
        weights = {
            "mel": self.loss.mel_weight,
            "stft": self.loss.stft_weight,
            "adversarial": self.loss.adversarial_weight,
            "feature": self.loss.feature_weight,
        }
        first, *others = (weights[name] * value for name, value in metrics.items())
        return sum(others, first)

    def _generated(self, real: Tensor, features: Tensor) -> Tensor:
        """As many samples as `real` has: `center` framing gives a frame more than hops."""
        return self.vocoder.decode(features)[:, : real.shape[1]]

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
            rebuilt = self._features(self.rebuild(features))
            n = min(features.shape[-1], rebuilt.shape[-1])
            distances.append((features[..., :n] - rebuilt[..., :n]).abs().mean())
        return {"mel": torch.stack(distances).mean()}

    @torch.no_grad()
    def sample(self, batch: Batch) -> dict[str, Tensor]:
        """The first clip, rebuilt from its features, with the original and both mels."""
        samples = next(_clips(batch))
        features = self._features(samples)
        rebuilt = self.rebuild(features)
        return {
            "natural.audio": samples[0],
            "rebuilt.audio": rebuilt[0],
            "natural_mel.image": features[0],
            "rebuilt_mel.image": self._features(rebuilt)[0],
        }

    def rebuild(self, features: Tensor) -> Tensor:
        """Samples of a whole clip's features `[1, M, T]`."""
        return self.vocoder.decode(features)

    def export(self, folder: Path) -> None:
        """A vocoder folder that `vivavoce speak` can load."""
        manifest = {
            "kind": "vocoder",
            "family": self.family,
            "name": folder.name,
            "config": to_dict(self.config),
            "features": to_dict(self.spec),
        }
        store.save(folder, manifest, fold_weight_norm(self.vocoder.state_dict()))


def _clips(batch: Batch) -> Iterator[Tensor]:
    """Each row `[1, S]` without its padding."""
    for row, length in zip(batch["samples"], batch["sample_lengths"].tolist(), strict=True):
        yield row[None, :length]
