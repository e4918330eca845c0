"""Training HiFi-GAN: what the shared adversarial training needs to know of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vivavoce.audio.specs import HIFIGAN_22K
from vivavoce.config import from_dict
from vivavoce.types import FeatureSpec
from vivavoce.vocoders.adversarial.config import AdversarialLoss, CriticKind, Objective
from vivavoce.vocoders.generator_training import GeneratorTask
from vivavoce.vocoders.hifigan.config import HifiganConfig
from vivavoce.vocoders.hifigan.model import Hifigan


@dataclass(frozen=True, kw_only=True)
class HifiganLoss(AdversarialLoss):
    """Least squares against periods and scales, sections 2.3 and 2.4 of the paper.

    The paper sums over its 8 discriminators what is averaged here: its weights 1, 2 and 45 are 8,
    16 and 45 of ours; Coqui's 1 of the averaged score are these.
    """

    feature_weight: float = 16.0
    full_band: bool = True
    objective: Objective = "least_squares"
    discriminators: tuple[CriticKind, ...] = ("periods", "scales")
    match_scores: bool = True


def build_task(tables: Mapping[str, Any], speakers: tuple[str, ...] = ()) -> GeneratorTask:
    """The task of the recipe tables `model` (HifiganConfig), `features` and `loss` (HifiganLoss).

    Without `features` they are the publication's. Raises ConfigError for a key that none of them
    has, and for rates that do not make the hop.
    """
    config = from_dict(HifiganConfig, tables.get("model", {}), "model")
    features = tables.get("features")
    spec = from_dict(FeatureSpec, features, "features") if features else HIFIGAN_22K
    loss = from_dict(HifiganLoss, tables.get("loss", {}), "loss")
    return GeneratorTask("hifigan", config, Hifigan(config, spec), loss)
