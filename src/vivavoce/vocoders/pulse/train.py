"""Training the pulse-and-noise vocoder on sounds whose pulses are known. Knows no files, no loop.

Shapes: B batch, M mels, T frames, S samples.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.audio import stft
from vivavoce.audio.features import FeatureExtractor
from vivavoce.checkpoints import store
from vivavoce.config import from_dict, to_dict
from vivavoce.nn.task import Batch, Task
from vivavoce.runtime import full_precision
from vivavoce.types import FeatureSpec
from vivavoce.vocoders.pulse.config import PulseConfig
from vivavoce.vocoders.pulse.model import PulseVocoder

EDGE_FRAMES = 3
"""At a crop's ends the transforms see reflections: no loss is taken there."""


@dataclass(frozen=True)
class PulseLoss:
    """`phase_weight`: how much the waveform counts, as the pulses' complex spectrum.

    `given_features`: the vocoder reads the features that the data bring along, made by an acoustic
    model on the recording's own timing, in place of the recording's: the last steps of a training.
    """

    given_features: bool = False

    segment_frames: int = 96
    mel_weight: float = 1.0
    phase_weight: float = 1.0
    pitch_weight: float = 1.0
    voicing_weight: float = 0.2
    gain_db: float = 6.0
    spectral_ffts: tuple[int, ...] = (256, 1024, 2048)


def build_task(tables: Mapping[str, Any], speakers: tuple[str, ...] = ()) -> PulseTask:
    """The task of the recipe tables `model`, `features` and `loss`. A vocoder has no speakers."""
    return PulseTask(
        from_dict(PulseConfig, tables.get("model", {}), "model"),
        from_dict(FeatureSpec, tables.get("features", {}), "features"),
        from_dict(PulseLoss, tables.get("loss", {}), "loss"),
    )


class PulseTask(Task):
    """Mel, waveform and pitch losses; the pulses' phase comes with the data."""

    phases = ("model",)

    def __init__(self, config: PulseConfig, spec: FeatureSpec, loss: PulseLoss) -> None:
        super().__init__()
        self.spec, self.loss = spec, loss
        given = {"given_features"} if loss.given_features else set[str]()
        self.needs = frozenset({"samples", "pitch", "phase"} | given)
        self.segment_frames: int = loss.segment_frames  # pyright: ignore[reportIncompatibleVariableOverride]
        self.vocoder = PulseVocoder(config, spec)
        self.extract = FeatureExtractor(spec)
        self.mels = nn.ModuleList(FeatureExtractor(_plain(spec, n)) for n in loss.spectral_ffts)

    @property
    def exported(self) -> PulseVocoder:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.vocoder

    def parts(self) -> dict[str, nn.Module]:
        return {"model": self.vocoder}

    def forward(self, phase: str, batch: Batch, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        samples = batch["samples"]
        gain = (10 ** (-self.loss.gain_db / 20 * torch.rand(len(samples), 1))).to(samples)
        given = batch["given_features"] if self.loss.given_features else None
        if given is not None:
            given = (given + gain.log().unsqueeze(2)).clamp_min(math.log(self.spec.clamp))
        found = self._losses(samples * gain, batch["pitch"], batch["phase"], given)
        return found["loss"], {k: v.detach() for k, v in found.items()}

    @torch.no_grad()
    def validate(self, batch: Batch) -> dict[str, Tensor]:
        rows = []
        for row, n in enumerate(batch["sample_lengths"].tolist()):
            frames = n // self.spec.hop_length + 1
            pitch, phase = (batch[k][row : row + 1, :frames] for k in ("pitch", "phase"))
            given = None
            if self.loss.given_features:
                given = batch["given_features"][row : row + 1, :, :frames]
            whole = n // self.spec.hop_length * self.spec.hop_length
            samples = batch["samples"][row : row + 1, :whole]
            rows.append(self._losses(samples, pitch, phase, given))
        return {k: torch.stack([r[k] for r in rows]).mean() for k in rows[0]}

    @torch.no_grad()
    def sample(self, batch: Batch) -> dict[str, Tensor]:
        samples = batch["samples"][:1]
        return {
            "natural.audio": samples[0],
            "rebuilt.audio": self.vocoder.decode(self.extract(samples))[0],
        }

    def export(self, folder: Path) -> None:
        """A vocoder folder that `vivavoce speak` can load."""
        manifest = {
            "kind": "vocoder",
            "family": "pulse",
            "name": folder.name,
            "config": to_dict(self.vocoder.config),
            "features": to_dict(self.spec),
        }
        store.save(folder, manifest, self.vocoder.state_dict())

    def _losses(
        self, samples: Tensor, pitch: Tensor, phase: Tensor, given: Tensor | None = None
    ) -> dict[str, Tensor]:
        with full_precision(samples), torch.no_grad():
            mel = self.extract(samples) if given is None else given
        voiced = (pitch > 0).float()
        log_pitch, logit = self.vocoder.pitch_parts(mel)
        error = (log_pitch - pitch.clamp_min(1).log()).abs() * voiced
        found = {
            "pitch": error.sum() / voiced.sum().clamp_min(1),
            "voicing": F.binary_cross_entropy_with_logits(logit, voiced),
        }
        noise = torch.randn(*mel.shape[::2], self.vocoder.n_bins, 2)
        filled = torch.where(voiced > 0, pitch, pitch.new_tensor(100.0))
        periodic, rough = self.vocoder.filtered(mel, filled, phase, voiced, noise.to(mel))
        with full_precision(samples):
            whole = self.vocoder.synthesise(periodic + rough)
            edge = EDGE_FRAMES * self.spec.hop_length
            whole, real = whole[:, edge:-edge], samples[:, edge:-edge]
            gaps = [(mels(whole) - mels(real)).abs().mean() for mels in self.mels]
            found["mel"] = torch.stack(gaps).mean()
            target = torch.stack(stft.stft(samples, self.spec), 3)
            pair = (compressed(x[:, :, EDGE_FRAMES:-EDGE_FRAMES]) for x in (periodic, target))
            found["phase"] = torch.sub(*pair).abs().mean()
        found["loss"] = sum(
            (getattr(self.loss, f"{k}_weight") * v for k, v in found.items()),
            samples.new_zeros(()),
        )
        return found


def compressed(spectrum: Tensor) -> Tensor:
    """`[B, F, T, 2]` with the magnitudes to the power 0.3: quiet parts count as well."""
    real, imag = spectrum.unbind(3)
    energy = real.square() + imag.square() + 1e-3
    return spectrum * energy.pow(-0.35).unsqueeze(3)


def _plain(spec: FeatureSpec, n_fft: int) -> FeatureSpec:
    """A natural-log mel over the same frequencies, with a quarter of `n_fft` as hop."""
    return replace(
        spec,
        n_fft=n_fft,
        win_length=n_fft,
        hop_length=n_fft // 4,
        n_mels=min(100, n_fft * 5 // 64),
        log="ln",
        clamp=1e-4,
        power=1.0,
        magnitude_floor=0.0,
        normalisation=None,
    )
