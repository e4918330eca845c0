"""How a vocoder is trained against discriminators: the recipe's `loss` table. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Objective = Literal["hinge", "least_squares"]
CriticKind = Literal["periods", "scales", "resolutions", "bands"]


@dataclass(frozen=True, kw_only=True)
class AdversarialLoss:
    """A family's class of this type has the family's defaults.

    `gain_db`: each clip is made quieter by a random 0 to `gain_db` decibels. Before
    `adversarial_from_step` the spectral losses work alone; before `generator_from_step` the
    discriminators learn alone, for a generator that is trained already.

    `mel_weight` counts the mean absolute difference of log mels: the model's own and one for each
    of `spectral_ffts`, from `mel_clamp` up, with `full_band` over all frequencies in place of the
    model's; magnitudes below `magnitude_clamp` count as that. `stft_weight` counts differences of
    linear spectra at `spectral_ffts`.

    `objective` scores by hinge or least squares. `discriminators` are of these kinds: `periods`
    (HiFi-GAN), `scales` (MelGAN, HiFi-GAN), `resolutions` (complex spectra) and `bands` (complex
    spectra in five bands). `discriminator_width` scales their channels; 1 is the papers' size.
    `discriminator_weights` weigh the mean over each kind; empty is the mean over all.
    `feature_weight` counts the differences of feature maps, summed over layers: with
    `match_scores` the score map is one, with `skip_first_map` the first layer's is none.
    """

    segment_frames: int = 32
    gain_db: float = 0.0
    adversarial_from_step: int = 0
    generator_from_step: int = 0
    mel_weight: float = 45.0
    stft_weight: float = 0.0
    adversarial_weight: float = 1.0
    feature_weight: float = 1.0
    spectral_ffts: tuple[int, ...] = ()
    mel_clamp: float = 1e-5
    magnitude_clamp: float = 0.0
    full_band: bool = False
    objective: Objective = "hinge"
    discriminators: tuple[CriticKind, ...] = ("periods", "resolutions")
    discriminator_weights: tuple[float, ...] = ()
    discriminator_periods: tuple[int, ...] = (2, 3, 5, 7, 11)
    discriminator_ffts: tuple[int, ...] = (512, 1024, 2048)
    discriminator_width: float = 1.0
    scale_groups: tuple[int, ...] = (1, 4, 16, 16, 16, 16, 1)
    match_scores: bool = False
    skip_first_map: bool = False

    def __post_init__(self) -> None:
        if not self.discriminators:
            raise ValueError("discriminators must name at least one kind.")
        weights = self.discriminator_weights
        if weights and len(weights) != len(self.discriminators):
            raise ValueError("discriminator_weights must be empty or as long as discriminators.")
        if len(self.scale_groups) != 7:
            raise ValueError("scale_groups must be 7 numbers.")
