"""Training the pulse-and-noise vocoder on sounds whose pulses are known.

Shapes: B batch, M mels, T frames, S samples.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.audio import stft
from vivavoce.audio.features import FeatureExtractor
from vivavoce.checkpoints import store
from vivavoce.checkpoints.remap import strict_load
from vivavoce.config import from_dict, to_dict
from vivavoce.nn.adversarial import (
    adversarial_losses,
    discriminator_losses,
    feature_losses,
    frozen,
)
from vivavoce.nn.task import Batch, Task
from vivavoce.runtime import full_precision
from vivavoce.types import FeatureSpec
from vivavoce.vocoders.adversarial.critics import ResolutionDiscriminator
from vivavoce.vocoders.adversarial.reconstruction import compressed
from vivavoce.vocoders.pulse.config import PulseConfig
from vivavoce.vocoders.pulse.model import TYPICAL_HZ, PulseVocoder

EDGE_FRAMES = 3
"""At a crop's ends the transforms see reflections: no loss is taken there."""


@dataclass(frozen=True)
class PulseLoss:
    """`phase_weight`: how much the waveform counts, as the pulses' complex spectrum.

    `given_features`: the vocoder reads the features that the data bring along, made by an acoustic
    model on the recording's own timing, in place of the recording's: the last steps of a training.
    `given_periodic`: the data tell apart what the pulses made (a synthesiser knows). The pulses'
    spectrum is then compared with that alone, and all else with the rest (`noise_weight`).

    `adversarial_weight` and `feature_weight` count discriminators' scores and feature maps; with an
    `adversarial_weight` of 0 there are none. They look at complex spectra at `discriminator_ffts`,
    of `judged_frames` of a crop, chosen anew at every step; more of either costs more time.
    """

    given_features: bool = False
    given_periodic: bool = False

    segment_frames: int = 96
    mel_weight: float = 1.0
    phase_weight: float = 1.0
    noise_weight: float = 0.5
    pitch_weight: float = 1.0
    voicing_weight: float = 0.2
    gain_db: float = 6.0
    spectral_ffts: tuple[int, ...] = (256, 1024, 2048)
    adversarial_weight: float = 0.0
    feature_weight: float = 0.15
    discriminator_ffts: tuple[int, ...] = (512, 1024, 2048)
    discriminator_channels: int = 16
    judged_frames: int = 32


def build_task(tables: Mapping[str, Any], speakers: tuple[str, ...] = ()) -> PulseTask:
    """The task of the recipe tables `model`, `features` and `loss`. A vocoder has no speakers."""
    return PulseTask(
        from_dict(PulseConfig, tables.get("model", {}), "model"),
        from_dict(FeatureSpec, tables.get("features", {}), "features"),
        from_dict(PulseLoss, tables.get("loss", {}), "loss"),
    )


class KnownSound(NamedTuple):
    """Of a batch: samples `[B, S]`, pitch and phase `[B, T]`, features `[B, M, T]`, the samples of
    the pulses alone.
    """

    samples: Tensor
    pitch: Tensor
    phase: Tensor
    given_features: Tensor | None = None
    periodic: Tensor | None = None


class Resynthesis(NamedTuple):
    """The losses by name, the generated samples and the recorded ones, `[B, S]` without edges."""

    losses: dict[str, Tensor]
    made: Tensor
    recorded: Tensor


class PulseTask(Task):
    """Mel, waveform and pitch losses; the pulses' phase comes with the data.

    With an `adversarial_weight` discriminators are trained beside the vocoder.
    """

    phases: tuple[str, ...] = ("model",)

    def __init__(self, config: PulseConfig, spec: FeatureSpec, loss: PulseLoss) -> None:
        super().__init__()
        self.spec, self.loss = spec, loss
        given = {"given_features": loss.given_features, "periodic": loss.given_periodic}
        self.needs = frozenset({"samples", "pitch", "phase"} | {k for k, v in given.items() if v})
        self.segment_frames: int = loss.segment_frames  # pyright: ignore[reportIncompatibleVariableOverride]
        self.vocoder = PulseVocoder(config, spec)
        self.extract = FeatureExtractor(spec)
        self.mels = nn.ModuleList(FeatureExtractor(_plain(spec, n)) for n in loss.spectral_ffts)
        if loss.adversarial_weight > 0:
            self.phases = ("discriminator", "model")
        n_critics = loss.discriminator_ffts if loss.adversarial_weight > 0 else ()
        self.discriminators = nn.ModuleList(
            ResolutionDiscriminator(n, loss.discriminator_channels, compressed=True)
            for n in n_critics
        )

    @property
    def exported(self) -> PulseVocoder:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.vocoder

    def parts(self) -> dict[str, nn.Module]:
        parts = {"discriminator": self.discriminators, "model": self.vocoder}
        return {phase: parts[phase] for phase in self.phases}

    def take(self, tensors: Mapping[str, Tensor], tables: Mapping[str, Any]) -> None:
        """A trained vocoder's weights, with or without a free part; discriminators begin anew."""
        fresh, known = self.vocoder.state_dict(), dict(tensors)
        if self.vocoder.config.free_phase and len(known["head.bias"]) < len(fresh["head.bias"]):
            known |= _with_free_part(known, fresh, self.vocoder.n_bins)
        strict_load(self.vocoder, known)

    def forward(self, phase: str, batch: Batch, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        samples, given = batch["samples"], batch.get("given_features")
        gain = (10 ** (-self.loss.gain_db / 20 * torch.rand(len(samples), 1))).to(samples)
        if given is not None:
            given = (given + gain.log().unsqueeze(2)).clamp_min(math.log(self.spec.clamp))
        periodic = batch["periodic"] * gain if "periodic" in batch else None
        known = KnownSound(samples * gain, batch["pitch"], batch["phase"], given, periodic)
        if phase == "discriminator":
            with torch.no_grad():
                found = self._judged_part(self._resynthesis(known))
            loss = self._discriminator_loss(found)
            return loss, {"discriminator": loss.detach()}
        found = self._resynthesis(known)
        losses = found.losses
        if self.loss.adversarial_weight > 0:
            losses |= self._adversarial(self._judged_part(found))
        total = self._total(losses)
        return total, {k: v.detach() for k, v in losses.items()} | {"loss": total.detach()}

    def _judged_part(self, found: Resynthesis) -> Resynthesis:
        """A stretch of the crop, drawn anew."""
        span = self.loss.judged_frames * self.spec.hop_length
        begin = int(torch.randint(max(1, found.made.shape[1] - span), ()))
        part = slice(begin, begin + span)
        return Resynthesis(found.losses, found.made[:, part], found.recorded[:, part])

    def _discriminator_loss(self, found: Resynthesis) -> Tensor:
        n, both = len(found.made), torch.cat([found.recorded, found.made])
        judged = [critic(both) for critic in self.discriminators]
        real = [(score[:n], []) for score, _ in judged]
        made = [(score[n:], []) for score, _ in judged]
        return discriminator_losses(real, made, "hinge").mean()

    def _adversarial(self, found: Resynthesis) -> dict[str, Tensor]:
        with torch.no_grad():
            real = [critic(found.recorded) for critic in self.discriminators]
        with frozen(self.discriminators):
            made = [critic(found.made) for critic in self.discriminators]
        return {
            "adversarial": adversarial_losses(made, "hinge").mean(),
            "feature": feature_losses(real, made).mean(),
        }

    def _total(self, losses: Mapping[str, Tensor]) -> Tensor:
        weighted = [getattr(self.loss, f"{name}_weight") * v for name, v in losses.items()]
        return torch.stack(weighted).sum()

    @torch.no_grad()
    def validate(self, batch: Batch) -> dict[str, Tensor]:
        rows = []
        for row, n in enumerate(batch["sample_lengths"].tolist()):
            frames = n // self.spec.hop_length + 1
            whole = n // self.spec.hop_length * self.spec.hop_length
            longest = {"samples": whole, "periodic": whole}
            one = {
                name: batch[name][row : row + 1, ..., : longest.get(name, frames)]
                for name in self.needs
            }
            losses = self._resynthesis(KnownSound(**one)).losses
            rows.append(losses | {"loss": self._total(losses)})
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

    def _resynthesis(self, known: KnownSound) -> Resynthesis:
        samples, pitch, phase, given, pulsed = known
        with full_precision(samples), torch.no_grad():
            mel = self.extract(samples) if given is None else given
        voiced = (pitch > 0).float()
        log_pitch, logit = self.vocoder.pitch_parts(mel)
        error = (log_pitch - (pitch.clamp_min(1) / TYPICAL_HZ).log()).abs() * voiced
        found = {
            "pitch": error.sum() / voiced.sum().clamp_min(1),
            "voicing": F.binary_cross_entropy_with_logits(logit, voiced),
        }
        noise = torch.randn(*mel.shape[::2], self.vocoder.n_bins, 2)
        filled = torch.where(voiced > 0, pitch, pitch.new_tensor(100.0))
        periodic, rest = self.vocoder.filtered(mel, filled, phase, voiced, noise.to(mel))
        with full_precision(samples):
            whole = self.vocoder.synthesise(periodic + rest)
            edge = EDGE_FRAMES * self.spec.hop_length
            whole, real = whole[:, edge:-edge], samples[:, edge:-edge]
            found["mel"] = self._mel_gap(whole, real)
            if pulsed is not None:
                other = self.vocoder.synthesise(rest)[:, edge:-edge]
                found["noise"] = self._mel_gap(other, (samples - pulsed)[:, edge:-edge])
            target = torch.stack(stft.stft(samples if pulsed is None else pulsed, self.spec), 3)
            pair = (compressed(x[:, :, EDGE_FRAMES:-EDGE_FRAMES]) for x in (periodic, target))
            found["phase"] = torch.sub(*pair).abs().mean()
        return Resynthesis(found, whole, real)

    def _mel_gap(self, made: Tensor, wanted: Tensor) -> Tensor:
        """The mean over all resolutions."""
        gaps = [(mels(made) - mels(wanted)).abs().mean() for mels in self.mels]
        return torch.stack(gaps).mean()


def _with_free_part(
    known: Mapping[str, Tensor], fresh: Mapping[str, Tensor], n_bins: int
) -> dict[str, Tensor]:
    """The head with a free part: it begins at a tenth of the noise, its phases as drawn."""
    made: dict[str, Tensor] = {}
    for name in ("head.weight", "head.bias"):
        level = known[name][2 * n_bins :].clone()
        if name == "head.bias":
            level -= math.log(10)
        made[name] = torch.cat([known[name], level, fresh[name][4 * n_bins :].to(level)])
    return made


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
