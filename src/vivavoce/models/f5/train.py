"""Training an F5-TTS or E2-TTS: from random weights, or from published ones.

Shapes: B rows, N frames, M mels, L tokens.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vivavoce.checkpoints import store
from vivavoce.checkpoints.remap import strict_load
from vivavoce.config import from_dict, to_dict
from vivavoce.models.f5 import text as f5_text
from vivavoce.models.f5.config import F5Config, F5Options
from vivavoce.models.f5.exports import published_name
from vivavoce.models.f5.growth import EMBEDDING, grown
from vivavoce.models.f5.infilling import F5Loss, Infilling, flow_errors, spans
from vivavoce.models.f5.layers import F5Attention, F5FeedForward
from vivavoce.models.f5.model import F5TTS, Gap
from vivavoce.models.f5.shape import activations
from vivavoce.models.f5.variant import name_of
from vivavoce.nn import lora
from vivavoce.nn.counted import CountedTask
from vivavoce.nn.noise import Noise
from vivavoce.nn.task import ActivationShape, Batch
from vivavoce.types import FeatureSpec, Tokens

logger = logging.getLogger(__name__)

DRAWN = "draw."
"""Before the names of random numbers in a batch."""


def build_task(tables: Mapping[str, Any], speakers: tuple[str, ...]) -> F5Task:
    """From a recipe's tables; `model.vocoder` names the vocoder of the exported model. The model
    has no speakers: it hears them. Raises ConfigError.
    """
    text = from_dict(f5_text.F5TextConfig, dict(tables.get("text", {})), "text")
    spec = from_dict(FeatureSpec, dict(tables.get("features", {})), "features")
    loss = from_dict(F5Loss, dict(tables.get("loss", {})), "loss")
    model = dict(tables.get("model", {}))
    vocoder = str(model.pop("vocoder", ""))
    model |= {"n_tokens": f5_text.n_tokens(text), "n_mels": spec.n_channels}
    config = from_dict(F5Config, model, "model")
    return F5Task(F5TTS(config, spec, text, name_of(config)), loss, vocoder)


def extended(tables: Mapping[str, Any], texts: Sequence[str]) -> dict[str, Any]:
    """The tables with every token of the texts in `text.vocabulary`, new ones at the end."""
    text = dict(tables.get("text", {}))
    vocabulary = list(text.get("vocabulary") or [" "])
    rules = from_dict(f5_text.F5TextConfig, {**text, "vocabulary": vocabulary}, "text")
    known = set(vocabulary)
    new = {token for one in texts for token in f5_text.tokens_of(rules, one)} - known
    return {**tables, "text": {**text, "vocabulary": [*vocabulary, *sorted(new)]}}


class F5Task(CountedTask):
    """Flow matching on hidden spans; the loss is a mean over hidden frames and mel bands."""

    needs = frozenset({"tokens", "features"})
    segment_frames = None
    weights: Mapping[str, float] = {"flow": 1.0}
    groups: Mapping[str, tuple[str, ...]] = {
        "text": ("backbone.text.*",),
        "time": ("backbone.time.*",),
        "input": ("backbone.input.*",),
        "modulation": ("*modulation.*",),
        "attention": ("*.attention.*",),
        "feed_forward": ("*.feed_forward.*",),
        "output": ("backbone.output.*", "backbone.norm.*"),
    }
    adapter_targets = (
        *(f"*.attention.{name}" for name in ("query", "key", "value", "output")),
        *("*.feed_forward.expand", "*.feed_forward.contract"),
    )

    def __init__(self, model: F5TTS, loss: F5Loss | None = None, vocoder: str = "") -> None:
        super().__init__()
        self.exported: F5TTS = model  # pyright: ignore[reportIncompatibleVariableOverride]
        self.spec, self.loss, self.vocoder = model.spec, loss or F5Loss(), vocoder
        self.licence = ""
        for module in model.modules():
            if isinstance(module, (F5Attention, F5FeedForward)):
                module.dropout = self.loss.dropout

    def parts(self) -> dict[str, nn.Module]:
        return {"model": self.exported}

    def encode_text(self, text: str) -> Tokens:
        return f5_text.encode(self.exported.text, self.exported.vocabulary, text)

    def decayed(self, name: str, parameter: nn.Parameter) -> bool:
        """As published: norms, biases and embeddings too."""
        return True

    def take(self, tensors: Mapping[str, Tensor], tables: Mapping[str, Any]) -> None:
        """A longer vocabulary gets new rows in the text embedding (growth.py)."""
        vocabulary = tuple(tables.get("text", {}).get("vocabulary", ()))
        own = grown(tensors, vocabulary, self.exported.text.vocabulary)
        strict_load(self.exported, own)
        self.new_parts = (EMBEDDING,) if own[EMBEDDING] is not tensors[EMBEDDING] else ()
        self.licence = str(tables.get("licence", ""))
        self.vocoder = self.vocoder or str(tables.get("vocoder") or "")
        if (tables.get("variant") or {}).get("name") == "unknown":
            logger.warning(
                "'%s' may be an F5 v0 or v1 and is trained as %s. Set model.mask_text and "
                "model.rotary_heads (v1: true, 0; v0: false, 1) if that is wrong.",
                tables.get("name"),
                self.exported.variant,
            )

    def draw(self, batch: Batch) -> Batch:
        mel = batch["features"]
        draws = Infilling.drawn(len(mel), mel.shape[2], mel.shape[1], self.loss)
        values = {DRAWN + f.name: getattr(draws, f.name).to(mel.device) for f in fields(draws)}
        return {**batch, **values}

    def counts(self, drawn: Batch) -> dict[str, Tensor]:
        hidden = self._spans(drawn, drawn["features"].shape[2])
        return {"flow": hidden.sum().float() * self.spec.n_channels}

    def sums(self, drawn: Batch) -> dict[str, Tensor]:
        lengths = drawn["feature_lengths"].tolist()
        n_frames = self._padded(max(lengths), drawn["features"].shape[2])
        mel = drawn["features"][:, :, :n_frames].transpose(1, 2)
        counts = drawn["token_lengths"].tolist()
        ids = [row[:n] for row, n in zip(drawn["tokens"], counts, strict=True)]
        span, draws = self._spans(drawn, n_frames), self._draws(drawn, n_frames)
        backbone = self.exported.backbone
        return {"flow": flow_errors(backbone, mel, ids, lengths, span, draws, self.loss).sum()}

    @torch.no_grad()
    def sample(self, batch: Batch) -> dict[str, Tensor]:
        """The recorded mel, and its later part made anew from the first third and the text."""
        frames, tokens = int(batch["feature_lengths"][0]), int(batch["token_lengths"][0])
        mel = batch["features"][0, :, :frames].t()
        known = torch.arange(frames, device=mel.device) < frames // 3
        gap = Gap(mel, known, batch["tokens"][0, :tokens])
        found = self.exported.complete([gap], F5Options(), Noise(0))[0, :frames]
        return {"recorded.image": mel.t(), "generated.image": found.t()}

    def export(self, folder: Path) -> None:
        model = self.exported
        manifest: dict[str, Any] = {
            "kind": "acoustic",
            "family": model.family,
            "name": folder.name,
            "licence": self.licence,
            "config": to_dict(model.config),
            "features": to_dict(self.spec),
            "text": to_dict(model.text),
            "variant": {"name": model.variant, "reason": "it was trained so"},
        }
        if self.vocoder:
            manifest["vocoder"] = self.vocoder
        store.save(folder, manifest, lora.merged_state(model))

    def published_name(self, name: str) -> str:
        return published_name(name, self.exported.config.backbone)

    def activations(self) -> ActivationShape:
        return activations(self.exported.config, self.spec, self.loss.dropout)

    def recompute(self, wanted: bool) -> bool:
        self.exported.backbone.recompute = wanted
        return wanted

    def _padded(self, longest: int, n_frames: int) -> int:
        """A part of a batch keeps only its own frames, where shapes may be of any length."""
        return longest if self.exported.device.type == "cpu" else n_frames

    def _draws(self, drawn: Batch, n_frames: int) -> Infilling:
        values = {f.name: drawn[DRAWN + f.name] for f in fields(Infilling)}
        return Infilling(**{**values, "noise": values["noise"][:, :n_frames]})

    def _spans(self, drawn: Batch, n_frames: int) -> Tensor:
        return spans(self._draws(drawn, n_frames), drawn["feature_lengths"], n_frames)
