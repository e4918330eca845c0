"""What training a Glow-TTS means: likelihood, alignment, durations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from vivavoce.checkpoints import store
from vivavoce.checkpoints.remap import fold_weight_norm
from vivavoce.config import from_dict, to_dict
from vivavoce.models.glow import text as glow_text
from vivavoce.models.glow.config import GlowConfig
from vivavoce.models.glow.model import GlowTTS
from vivavoce.nn.alignment import log_likelihoods, maximum_path
from vivavoce.nn.glow_flow import GlowCoupling
from vivavoce.nn.padding import length_mask
from vivavoce.nn.task import Task
from vivavoce.runtime import full_precision
from vivavoce.types import FeatureSpec, Tokens

DATA_DEPENDENT_STEPS = 1


def build_task(tables: Mapping[str, Any], speakers: tuple[str, ...]) -> GlowTask:
    """From a recipe's `model`, `text` and `features` tables. Raises ConfigError for bad keys."""
    text = from_dict(glow_text.GlowTextConfig, dict(tables.get("text", {})), "text")
    spec = from_dict(FeatureSpec, dict(tables.get("features", {})), "features")
    model = dict(tables.get("model", {}))
    model |= {"n_tokens": glow_text.n_tokens(text), "n_mels": spec.n_channels}
    if len(speakers) > 1:
        model |= {"n_speakers": len(speakers)}
        model.setdefault("speaker_width", model.get("encoder_width", GlowConfig.encoder_width))
    config = from_dict(GlowConfig, model, "model")
    return GlowTask(GlowTTS(config, spec, text, speakers))


class GlowTask(Task):
    """Paper section 3.3: maximise the likelihood of the mel under the aligned prior."""

    phases = ("model",)
    needs = frozenset({"tokens", "features"})
    segment_frames = None

    def __init__(self, model: GlowTTS) -> None:
        super().__init__()
        self.exported: GlowTTS = model  # pyright: ignore[reportIncompatibleVariableOverride]
        self.spec = model.spec
        self.started = False
        """Whether a batch has set the flow's scales: of several in the first step, the first."""
        for module in model.modules():
            if isinstance(module, GlowCoupling):
                _normalise_weights(module)

    def parts(self) -> dict[str, nn.Module]:
        return {"model": self.exported}

    def encode_text(self, text: str) -> Tokens:
        return self.exported.tokenise(text)

    def forward(
        self, phase: str, batch: Mapping[str, Tensor], step: int
    ) -> tuple[Tensor, dict[str, Tensor]]:
        starts = step < DATA_DEPENDENT_STEPS and not self.started
        self.started = self.started or starts
        likelihood, duration, _, _ = self._losses(batch, starts)
        loss = likelihood + duration
        metrics = {"loss": loss, "likelihood": likelihood, "duration": duration}
        return loss, {k: v.detach() for k, v in metrics.items()}

    @torch.no_grad()
    def validate(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        likelihood, duration, _, _ = self._losses(batch, initialise=False)
        return {"loss": likelihood + duration, "likelihood": likelihood, "duration": duration}

    @torch.no_grad()
    def sample(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The alignment, the recorded mel and the mel of the prior's mean on that alignment."""
        _, _, path, mean = self._losses(batch, initialise=False)
        frames = int(batch["feature_lengths"][0]) // 2 * 2
        speaker = self._speaker(batch)
        mel = self.exported.decoder.reverse(
            mean[:1, :, :frames], None, None if speaker is None else speaker[:1]
        )
        return {
            "alignment.image": path[0, : int(batch["token_lengths"][0]), :frames],
            "recorded.image": batch["features"][0, :, :frames],
            "generated.image": mel[0],
        }

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
        store.save(folder, manifest, fold_weight_norm(model.state_dict()))

    def _speaker(self, batch: Mapping[str, Tensor]) -> Tensor | None:
        if self.exported.speakers is None:
            return None
        rows = self.exported.speakers(batch["speakers"])
        return nn.functional.normalize(rows).unsqueeze(2)

    def _losses(
        self, batch: Mapping[str, Tensor], initialise: bool
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Likelihood and duration losses, the alignment `[B, L, T]`, the expanded prior mean."""
        model = self.exported
        squeeze = model.config.n_squeeze
        text_lengths = batch["token_lengths"]
        mel_lengths = batch["feature_lengths"] // squeeze * squeeze
        mel = batch["features"][:, :, : int(mel_lengths.max())]
        text_mask = length_mask(text_lengths, batch["tokens"].shape[1])
        mel_mask = length_mask(mel_lengths, mel.shape[2])
        speaker = self._speaker(batch)
        mean, log_scale, log_durations = model.encoder(batch["tokens"], text_mask, speaker)
        z, log_det = model.decoder(mel * mel_mask, mel_mask, speaker, initialise)
        with full_precision(z):
            mean, log_scale, log_durations = mean.float(), log_scale.float(), log_durations.float()
            score = log_likelihoods(mean, log_scale, z)
            path = maximum_path(score.detach(), text_lengths, mel_lengths)
            path = path * text_mask.transpose(1, 2) * mel_mask
            mean_t, log_scale_t = torch.matmul(mean, path), torch.matmul(log_scale, path)
            count = mel_mask.sum() * mel.shape[1]
            distance = ((z - mean_t) * (-log_scale_t).exp()).square() * mel_mask
            likelihood = (log_scale_t * mel_mask).sum() + 0.5 * distance.sum() - log_det.sum()
            likelihood = likelihood / count + 0.5 * math.log(2 * math.pi)
            target = (1 + path.sum(2)).log().unsqueeze(1)
            error = ((log_durations - target) * text_mask).square().sum()
        return likelihood, error / text_lengths.sum(), path, mean_t


def _normalise_weights(coupling: GlowCoupling) -> None:
    convs = [coupling.start, *coupling.wavenet.inputs, *coupling.wavenet.outputs]
    if coupling.wavenet.condition is not None:
        convs.append(coupling.wavenet.condition)
    for conv in convs:
        parametrizations.weight_norm(conv)
