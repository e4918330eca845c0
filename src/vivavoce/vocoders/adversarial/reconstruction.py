"""Distances of spectra that a vocoder is trained to lessen.

All sums are float32, whatever precision the networks ran in. Shapes: B batch, S samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from vivavoce.audio import tables
from vivavoce.audio.features import FeatureExtractor
from vivavoce.types import FeatureSpec

# Under the root, so that its gradient stays finite in digital silence; far below any clamp.
FLOOR = 1e-12
LOWEST_MAGNITUDE = 1e-5


def compressed(spectrum: Tensor) -> Tensor:
    """`[B, F, T, 2]` with the magnitudes to the power 0.3: quiet parts count as well."""
    real, imag = spectrum.unbind(3)
    energy = real.square() + imag.square() + 1e-3
    return spectrum * energy.pow(-0.35).unsqueeze(3)


def _at(spec: FeatureSpec, n_fft: int, clamp: float) -> FeatureSpec:
    """A plain natural-log mel over the frequencies of `spec`, with a quarter of `n_fft` as hop."""
    return replace(
        spec,
        n_fft=n_fft,
        win_length=n_fft,
        hop_length=n_fft // 4,
        n_mels=n_fft * 5 // 64,
        log="ln",
        clamp=clamp,
        power=1.0,
        magnitude_floor=FLOOR,
        normalisation=None,
    )


class ReconstructionLoss(nn.Module):
    """Distances of mel and linear spectra at several resolutions.

    `mel`: mean absolute log-mel difference, over the model's own mel and one at each of `n_ffts`
    (Kumar 2023, arXiv:2306.06546, section 3.4). `stft`, if `linear` and there are `n_ffts`:
    spectral convergence plus mean absolute log-magnitude difference (Yamamoto 2020,
    arXiv:1910.11480, equations 4 to 6). Mels below `clamp` count as `clamp`.
    """

    def __init__(
        self,
        spec: FeatureSpec,
        n_ffts: Sequence[int],
        clamp: float = LOWEST_MAGNITUDE,
        linear: bool = True,
        quietest: float = 0.0,
    ) -> None:
        super().__init__()
        mels = [_at(spec, n, clamp) for n in n_ffts]
        spectra = [replace(m, kind="linear", log=None) for m in mels if linear]
        own = replace(_at(spec, spec.n_fft, clamp), n_mels=spec.n_mels, hop_length=spec.hop_length)
        self.mels = nn.ModuleList(FeatureExtractor(s) for s in mels)
        self.mels.append(ClampedMel(own, quietest) if quietest else FeatureExtractor(own))
        self.spectra = nn.ModuleList(FeatureExtractor(s) for s in spectra)

    def forward(self, fake: Tensor, real: Tensor) -> dict[str, Tensor]:
        """Samples `[B, S]` twice; scalars `mel` and `stft`."""
        mel = [(extract(fake) - extract(real)).abs().mean() for extract in self.mels]
        found = {"mel": torch.stack(mel).mean()}
        if self.spectra:
            stft = [_spectral_distance(extract(fake), extract(real)) for extract in self.spectra]
            found["stft"] = torch.stack(stft).mean()
        return found


class ClampedMel(nn.Module):
    """A log mel of magnitudes of at least `quietest`, as Coqui's loss has it: what is quieter gets
    no gradient.
    """

    filters: Tensor

    def __init__(self, spec: FeatureSpec, quietest: float) -> None:
        super().__init__()
        self.spec, self.quietest = spec, quietest
        energy = replace(spec, kind="linear", log=None, power=2.0, magnitude_floor=0.0)
        self.energy = FeatureExtractor(energy)
        filters = torch.tensor(tables.mel_filters(spec), dtype=torch.float32)
        self.register_buffer("filters", filters, persistent=False)

    def forward(self, samples: Tensor) -> Tensor:
        magnitude = self.energy(samples).clamp(min=self.quietest**2).sqrt()
        return (self.filters @ magnitude).clamp(min=self.spec.clamp).log()


def _spectral_distance(fake: Tensor, real: Tensor) -> Tensor:
    fake, real = fake.clamp(min=LOWEST_MAGNITUDE), real.clamp(min=LOWEST_MAGNITUDE)
    convergence = (real - fake).norm() / real.norm()
    return convergence + (real.log() - fake.log()).abs().mean()
