"""What training means here: the mel, given true durations and pitch, and predictors beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.checkpoints import store
from vivavoce.checkpoints.remap import strict_load
from vivavoce.config import from_dict, to_dict
from vivavoce.models.forward import text as forward_text
from vivavoce.models.forward.config import ForwardConfig
from vivavoce.models.forward.model import TYPICAL_HZ, Forward, length_mask
from vivavoce.nn.task import Batch, Task
from vivavoce.types import FeatureSpec, Tokens


@dataclass(frozen=True)
class ForwardLoss:
    """Weights of the parts; the mel's own is 1.

    `change_weight`: how much the difference of neighbouring frames counts beside the mel.
    """

    duration_weight: float = 0.3
    pitch_weight: float = 1.0
    voicing_weight: float = 0.2
    change_weight: float = 0.5


def build_task(tables: Mapping[str, Any], speakers: tuple[str, ...]) -> ForwardTask:
    """From a recipe's `model`, `text`, `features` and `loss` tables. Raises ConfigError."""
    text = from_dict(forward_text.ForwardTextConfig, dict(tables.get("text", {})), "text")
    spec = from_dict(FeatureSpec, dict(tables.get("features", {})), "features")
    loss = from_dict(ForwardLoss, dict(tables.get("loss", {})), "loss")
    model = dict(tables.get("model", {}))
    model |= {"n_tokens": forward_text.n_tokens(text), "n_mels": spec.n_channels}
    config = from_dict(ForwardConfig, model, "model")
    return ForwardTask(Forward(config, spec, text, speakers), loss)


class ForwardTask(Task):
    """Supervised prosody: durations and pitch come with the data."""

    phases = ("model",)
    needs = frozenset({"tokens", "features", "durations", "pitch"})
    segment_frames = None

    def __init__(self, model: Forward, loss: ForwardLoss | None = None) -> None:
        super().__init__()
        self.exported: Forward = model  # pyright: ignore[reportIncompatibleVariableOverride]
        self.spec = model.spec
        self.loss = loss or ForwardLoss()

    def parts(self) -> dict[str, nn.Module]:
        return {"model": self.exported}

    def encode_text(self, text: str) -> Tokens:
        return self.exported.tokenise(text)

    def forward(self, phase: str, batch: Batch, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        losses, _ = self._losses(batch)
        return losses["loss"], {k: v.detach() for k, v in losses.items()}

    @torch.no_grad()
    def validate(self, batch: Batch) -> dict[str, Tensor]:
        return self._losses(batch)[0]

    @torch.no_grad()
    def sample(self, batch: Batch) -> dict[str, Tensor]:
        """The recorded mel, and the mel on the recording's durations and pitch."""
        frames = int(batch["feature_lengths"][0])
        mel = self._losses(batch)[1]
        return {
            "recorded.image": batch["features"][0, :, :frames],
            "generated.image": mel[0, :frames].T,
        }

    def take(self, tensors: Mapping[str, Tensor], tables: Mapping[str, Any]) -> None:
        strict_load(self.exported, tensors)

    def export(self, folder: Path) -> None:
        """A model folder that `vivavoce speak` can load."""
        model = self.exported
        manifest = {
            "kind": "acoustic",
            "family": model.family,
            "name": folder.name,
            "config": to_dict(model.config),
            "features": to_dict(self.spec),
            "text": to_dict(model.text),
            "speakers": list(model.speaker_names),
        }
        store.save(folder, manifest, model.state_dict())

    def _losses(self, batch: Batch) -> tuple[dict[str, Tensor], Tensor]:
        """The parts, their weighted sum `loss`, and the mel `[B, T, M]`."""
        model, weigh = self.exported, self.loss
        counts, lengths = batch["token_lengths"], batch["feature_lengths"]
        hidden, mask = model.encode(batch["tokens"], counts)
        wanted = torch.log1p(batch["durations"])
        predicted = model.durations(hidden, mask)
        duration = ((predicted - wanted).abs() * mask.squeeze(2)).sum() / mask.sum()
        aligned, _ = model.align(hidden, counts, batch["durations"], lengths)
        inside = length_mask(lengths, aligned.mask.shape[1] * model.config.reduction)
        spare = inside.shape[1] - batch["pitch"].shape[1]
        pitch = F.pad(batch["pitch"], (0, spare))[:, : inside.shape[1]]
        log_pitch, logit = model.pitch_parts(aligned)
        voiced = (pitch > 0).float()
        error = (log_pitch - (pitch.clamp_min(1) / TYPICAL_HZ).log()).abs() * voiced
        found = {
            "duration": duration,
            "pitch": error.sum() / voiced.sum().clamp_min(1),
            "voicing": (
                F.binary_cross_entropy_with_logits(logit, voiced, reduction="none") * inside
            ).sum()
            / inside.sum(),
        }
        mel = model.decode(aligned, pitch)
        target = F.pad(batch["features"], (0, spare))[:, :, : inside.shape[1]].transpose(1, 2)
        found["mel"], found["change"] = mel_losses(mel, target, inside.unsqueeze(2))
        found["loss"] = (
            found["mel"]
            + weigh.change_weight * found["change"]
            + weigh.duration_weight * found["duration"]
            + weigh.pitch_weight * found["pitch"]
            + weigh.voicing_weight * found["voicing"]
        )
        return found, mel


def mel_losses(mel: Tensor, target: Tensor, inside: Tensor) -> tuple[Tensor, Tensor]:
    """Mean absolute difference, and that of what changes from band to band and frame to frame."""
    gap = (mel - target) * inside
    count = inside.sum() * mel.shape[2]
    over_time = (gap[:, 1:] - gap[:, :-1]).abs().sum() / count
    over_bands = (gap[:, :, 1:] - gap[:, :, :-1]).abs().sum() / count
    return gap.abs().sum() / count, (over_time + over_bands) / 2
