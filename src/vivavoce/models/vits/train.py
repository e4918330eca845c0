"""Training a VITS from recordings and their words.

Shapes: B rows, L symbols, T frames, C latent channels, S samples.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vivavoce.audio.features import FeatureExtractor
from vivavoce.checkpoints import store
from vivavoce.checkpoints.remap import fold_weight_norm
from vivavoce.config import from_dict, to_dict
from vivavoce.models.vits.config import VitsConfig
from vivavoce.models.vits.discriminators import Discriminators
from vivavoce.models.vits.durations import StochasticDurations
from vivavoce.models.vits.losses import divergence
from vivavoce.models.vits.model import VitsTTS
from vivavoce.models.vits.text import TextConfig, TextRules
from vivavoce.models.vits.training import Start, normalise_weights, start_from
from vivavoce.nn.adversarial import (
    Objective,
    adversarial_losses,
    discriminator_losses,
    feature_losses,
    frozen,
)
from vivavoce.nn.alignment import log_likelihoods, maximum_path
from vivavoce.nn.padding import length_mask
from vivavoce.nn.task import Batch, Task
from vivavoce.runtime import full_precision
from vivavoce.types import FeatureSpec, Tokens
from vivavoce.vocoders import inner as decoders
from vivavoce.vocoders.base import Vocoder

SPEAKER_WIDTH = 256
OBJECTIVE: Objective = "least_squares"


@dataclass(frozen=True, kw_only=True)
class VitsLoss:
    """How a VITS is trained; the defaults are the publication's.

    The decoder hears `segment_frames` of each utterance. `periods` and the channels are the
    discriminators'. `start` names a model folder whose weights are taken where they fit, and
    `freeze` those parts of `text`, `durations`, `flow`, `posterior`, `decoder` and `speakers` that
    keep them. A start without a posterior encoder (a Piper `.onnx`) needs `new_posterior`.
    """

    segment_frames: int = 32
    mel_weight: float = 45.0
    divergence_weight: float = 1.0
    duration_weight: float = 1.0
    adversarial_weight: float = 1.0
    feature_weight: float = 1.0
    periods: tuple[int, ...] = (2, 3, 5, 7, 11)
    period_channels: tuple[int, ...] = (32, 128, 512, 1024, 1024)
    scale_channels: tuple[int, ...] = (16, 64, 256, 1024, 1024, 1024)
    scale_groups: tuple[int, ...] = (1, 4, 16, 64, 256, 1)
    start: Path | None = None
    freeze: tuple[str, ...] = ()
    new_posterior: bool = False


@dataclass(frozen=True)
class Draws:
    """The random numbers of one step: standard normal, and uniform in [0, 1) for the segments."""

    posterior: Tensor  # [B, C, T]
    durations: Tensor  # [B, 2, L]
    segments: Tensor  # [B]


@dataclass(frozen=True)
class AlignedText:
    """What the text side of a step comes to."""

    path: Tensor  # [B, L, T], 0 or 1
    divergence: Tensor
    duration: Tensor


class VitsVoice(nn.Module):
    """What is exported: the model and the vocoder that decodes its latents."""

    def __init__(self, model: VitsTTS, vocoder: Vocoder) -> None:
        super().__init__()
        self.model, self.vocoder = model, vocoder


def build_task(tables: Mapping[str, Any], speakers: tuple[str, ...]) -> VitsTask:
    """From a recipe's tables. `model` holds the sizes and, as `decoder`, the HiFi-GAN's;
    `features` the mel of the loss, whose transform is the posterior's too. Raises ConfigError.
    """
    text = from_dict(TextConfig, dict(tables.get("text", {})), "text")
    features = from_dict(FeatureSpec, dict(tables.get("features", {})), "features")
    loss = from_dict(VitsLoss, dict(tables.get("loss", {})), "loss")
    model = dict(tables.get("model", {}))
    decoder = {"output_bias": False} | model.pop("decoder", {})
    stochastic = model.get("stochastic_durations", True)
    model |= {
        "n_bins": features.n_fft // 2 + 1,
        "posterior": True,
        "variational_durations": stochastic,
    }
    model.setdefault("n_tokens", TextRules(text).n_tokens)
    if len(speakers) > 1:
        model |= {"n_speakers": len(speakers)}
        model.setdefault("speaker_width", SPEAKER_WIDTH)
    config = from_dict(VitsConfig, model, "model")
    decoder |= {"condition_dim": config.speaker_width}
    spec = latents_of(features, config)
    voice = VitsVoice(
        VitsTTS(config, spec, text, speakers),
        decoders.build(decoders.config_of(decoder, "model.decoder"), spec),
    )
    frozen = start_from(voice, Start(loss.start, loss.freeze, loss.new_posterior))
    task = VitsTask(voice, features, loss)
    for part in frozen:
        part.requires_grad_(False)
    return task


def latents_of(features: FeatureSpec, config: VitsConfig) -> FeatureSpec:
    return FeatureSpec(
        kind="latent",
        sample_rate=features.sample_rate,
        hop_length=features.hop_length,
        n_mels=config.latent_width,
    )


class VitsTask(Task):
    """Paper section 2: a conditional variational autoencoder with a flow, against critics.

    Both phases draw for themselves, so the critics hear other segments than the generator learns
    from in the same step. `features` is the mel of the loss.
    """

    phases = ("discriminator", "generator")
    needs = frozenset({"tokens", "samples"})
    segment_frames = None

    def __init__(self, voice: VitsVoice, features: FeatureSpec, loss: VitsLoss) -> None:
        super().__init__()
        self.exported = voice
        self.spec, self.loss = features, loss
        self.discriminators = Discriminators(
            loss.periods, loss.period_channels, loss.scale_channels, loss.scale_groups
        )
        mel = replace(features, magnitude_floor=1e-6, framing="same")
        self.mel = FeatureExtractor(mel)
        self.linear = FeatureExtractor(replace(mel, kind="linear", log=None))
        normalise_weights(voice)

    @property
    def model(self) -> VitsTTS:
        return self.exported.model  # type: ignore[return-value]

    @property
    def vocoder(self) -> Vocoder:
        return self.exported.vocoder  # type: ignore[return-value]

    def parts(self) -> dict[str, nn.Module]:
        return {"discriminator": self.discriminators, "generator": self.exported}

    def encode_text(self, text: str) -> Tokens:
        return self.model.tokenise(text)

    def forward(self, phase: str, batch: Batch, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """The phase's loss and its parts; utterances with more symbols than frames are left out."""
        batch = alignable(batch, self.spec.hop_length)
        if not len(batch["tokens"]):
            return batch["samples"].new_zeros(()), {}
        if phase == "discriminator":
            loss = self.discriminator_loss(batch)
            return loss, {"discriminator": loss.detach()}
        metrics = self.generator_losses(batch, self._draws(batch))
        return self._total(metrics), {k: v.detach() for k, v in metrics.items()}

    def _total(self, metrics: Mapping[str, Tensor]) -> Tensor:
        weights = {
            "mel": self.loss.mel_weight,
            "divergence": self.loss.divergence_weight,
            "duration": self.loss.duration_weight,
            "adversarial": self.loss.adversarial_weight,
            "feature": self.loss.feature_weight,
        }
        return torch.stack([weights[name] * value for name, value in metrics.items()]).sum()

    def discriminator_loss(self, batch: Batch) -> Tensor:
        draws = self._draws(batch)
        with torch.no_grad():
            spectrum, mask, condition = self._heard(batch)
            z, _ = self._posterior(spectrum, mask, condition, draws.posterior)
            starts = self._starts(batch, draws.segments)
            fake = self._spoken(z, starts, condition)
        real = self._segments(batch, starts)
        both = self.discriminators(torch.cat([real, fake]))
        n = len(real)
        judged = [(score[:n], []) for score, _ in both], [(score[n:], []) for score, _ in both]
        return discriminator_losses(*judged, OBJECTIVE).sum()

    def generator_losses(self, batch: Batch, draws: Draws) -> dict[str, Tensor]:
        """Unweighted: `mel`, `divergence`, `duration`, `adversarial`, `feature`."""
        spectrum, mask, condition = self._heard(batch)
        z, log_scale_q = self._posterior(spectrum, mask, condition, draws.posterior)
        aligned = self._aligned(batch, z, log_scale_q, mask, condition, draws.durations)
        starts = self._starts(batch, draws.segments)
        fake = self._spoken(z, starts, condition)
        real = self._segments(batch, starts)
        size = self.loss.segment_frames
        with full_precision(fake):
            wanted = segments(self.mel(batch["samples"]), starts, size)
            mel = (self.mel(fake.float()) - wanted).abs().mean()
        with torch.no_grad():
            real_judged = self.discriminators(real)
        with frozen(self.discriminators):
            fake_judged = self.discriminators(fake)
        return {
            "mel": mel,
            "divergence": aligned.divergence,
            "duration": aligned.duration,
            "adversarial": adversarial_losses(fake_judged, OBJECTIVE).sum(),
            "feature": 2 * feature_losses(real_judged, fake_judged, with_scores=True).sum(),
        }

    def _heard(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor | None]:
        """The linear spectrum, its mask and who speaks."""
        with full_precision(batch["samples"]), torch.no_grad():
            spectrum = self.linear(batch["samples"])
        lengths = batch["sample_lengths"] // self.spec.hop_length
        mask = length_mask(lengths, spectrum.shape[2])
        table = self.model.speakers
        return spectrum, mask, None if table is None else table(batch["speakers"]).unsqueeze(2)

    def _posterior(
        self, spectrum: Tensor, mask: Tensor, condition: Tensor | None, noise: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Drawn latents and the logarithm of their deviation."""
        assert self.model.posterior is not None
        mean, log_scale = self.model.posterior(spectrum, mask, condition)
        mean, log_scale = mean.float(), log_scale.float()
        return (mean + noise * log_scale.exp()) * mask, log_scale

    def _aligned(
        self,
        batch: Batch,
        z: Tensor,
        log_scale_q: Tensor,
        mask: Tensor,
        condition: Tensor | None,
        noise: Tensor,
    ) -> AlignedText:
        model = self.model
        text_mask = length_mask(batch["token_lengths"], batch["tokens"].shape[1])
        hidden, mean, log_scale = model.text(batch["tokens"], text_mask)
        z_p = model.flow(z, mask, condition)
        with full_precision(z):
            mean, log_scale, z_p = mean.float(), log_scale.float(), z_p.float()
            score = log_likelihoods(mean, log_scale, z_p).detach()
            path = maximum_path(score, batch["token_lengths"], mask.sum((1, 2)).long())
            path = path * text_mask.transpose(1, 2) * mask
            expanded = torch.matmul(mean, path), torch.matmul(log_scale, path)
            apart = divergence(z_p, log_scale_q, *expanded, mask)
        frames = path.sum(2).unsqueeze(1)
        duration = self.duration_loss(hidden, text_mask, frames, condition, noise)
        return AlignedText(path, apart, duration.sum() / text_mask.sum())

    def duration_loss(
        self, hidden: Tensor, mask: Tensor, frames: Tensor, condition: Tensor | None, noise: Tensor
    ) -> Tensor:
        """Per row `[B]`, summed over its symbols."""
        with full_precision(hidden):
            hidden = hidden.float()
            if isinstance(self.model.durations, StochasticDurations):
                return self.model.durations.loss(hidden, mask, frames, noise, condition)
            return self.model.durations.loss(hidden, mask, frames, condition)

    def _draws(self, batch: Batch) -> Draws:
        rows, device = len(batch["tokens"]), batch["samples"].device
        frames = batch["samples"].shape[1] // self.spec.hop_length
        width = self.model.config.latent_width
        return Draws(
            torch.randn(rows, width, frames, device=device),
            torch.randn(rows, 2, batch["tokens"].shape[1], device=device),
            torch.rand(rows, device=device),
        )

    def _starts(self, batch: Batch, uniform: Tensor) -> Tensor:
        """The first frame of each row's segment."""
        frames = batch["sample_lengths"] // self.spec.hop_length
        room = (frames - self.loss.segment_frames + 1).clamp_min(1)
        return (uniform * room).long()

    def _spoken(self, z: Tensor, starts: Tensor, condition: Tensor | None) -> Tensor:
        """Samples of the segments, `[B, S]`."""
        return self.vocoder.decode(segments(z, starts, self.loss.segment_frames), condition)

    def _segments(self, batch: Batch, starts: Tensor) -> Tensor:
        hop = self.spec.hop_length
        size = self.loss.segment_frames * hop
        return segments(batch["samples"].unsqueeze(1), starts * hop, size)[:, 0]

    @torch.no_grad()
    def validate(self, batch: Batch) -> dict[str, Tensor]:
        """`loss`: mel, divergence and durations, weighted as in training, without critics."""
        batch = alignable(batch, self.spec.hop_length)
        if not len(batch["tokens"]):
            return {}
        metrics = self.generator_losses(batch, self._draws(batch))
        kept = {name: metrics[name] for name in ("mel", "divergence", "duration")}
        return {"loss": self._total(kept), **kept}

    @torch.no_grad()
    def sample(self, batch: Batch) -> dict[str, Tensor]:
        """The first utterance: recorded, rebuilt from its own latents, and how it was aligned."""
        one = {name: rows[:1] for name, rows in batch.items()}
        one["samples"] = one["samples"][:, : int(one["sample_lengths"])]
        one = alignable(one, self.spec.hop_length)
        if not len(one["tokens"]):
            return {}
        draws = self._draws(one)
        spectrum, mask, condition = self._heard(one)
        z, log_scale = self._posterior(spectrum, mask, condition, draws.posterior)
        aligned = self._aligned(one, z, log_scale, mask, condition, draws.durations)
        rebuilt = self.vocoder.decode(z, condition)
        return {
            "recorded.audio": one["samples"][0],
            "rebuilt.audio": rebuilt[0],
            "alignment.image": aligned.path[0],
            "rebuilt_mel.image": self.mel(rebuilt.float())[0],
        }

    def export(self, folder: Path) -> None:
        """A model folder that `vivavoce speak` can load, with what training on needs."""
        model, features = self.model, to_dict(self.model.spec)
        manifest = {
            "kind": "acoustic",
            "family": model.family,
            "name": folder.name,
            "config": to_dict(model.config),
            "features": features,
            "text": to_dict(model.text_rules.config),
            "vocoder": {
                "family": decoders.family(),
                "config": to_dict(self.vocoder.config),
                "features": features,
            },
            "speakers": list(model.speaker_names),
        }
        tensors = fold_weight_norm(model.state_dict())
        its = fold_weight_norm(self.vocoder.state_dict())
        store.save(folder, manifest, tensors | {f"vocoder.{k}": v for k, v in its.items()})


def alignable(batch: Batch, hop: int) -> Batch:
    """Without the rows whose symbols are more than their frames: no path goes through them."""
    fits = batch["token_lengths"] <= batch["sample_lengths"] // hop
    if bool(fits.all()):
        return batch
    return {name: rows[fits] for name, rows in batch.items()}


def segments(x: Tensor, starts: Tensor, size: int) -> Tensor:
    """`[B, C, T]` from each row's start on, `[B, C, size]`; zeros past the end."""
    x = nn.functional.pad(x, (0, max(0, size - x.shape[2])))
    index = starts.view(-1, 1, 1) + torch.arange(size, device=x.device)
    return x.gather(2, index.expand(-1, x.shape[1], -1))
