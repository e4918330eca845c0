"""Training BigVGAN: what the shared adversarial training needs to know of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vivavoce.audio.specs import BIGVGAN_24K
from vivavoce.config import from_dict
from vivavoce.types import FeatureSpec
from vivavoce.vocoders.adversarial.config import AdversarialLoss, Objective
from vivavoce.vocoders.bigvgan.config import BigvganConfig
from vivavoce.vocoders.bigvgan.model import Bigvgan
from vivavoce.vocoders.generator_training import GeneratorTask


@dataclass(frozen=True, kw_only=True)
class BigvganLoss(AdversarialLoss):
    """Least squares against periods and complex spectra, section 3.4 of the paper.

    The paper's spectrum discriminators see magnitudes; ours see phase as well.
    """

    adversarial_weight: float = 8.0
    feature_weight: float = 16.0
    full_band: bool = True
    objective: Objective = "least_squares"
    match_scores: bool = True


def build_task(tables: Mapping[str, Any], speakers: tuple[str, ...] = ()) -> GeneratorTask:
    """The task of the recipe tables `model` (BigvganConfig), `features` and `loss` (BigvganLoss).

    Without `features` they are the publication's. Raises ConfigError for a key that none of them
    has, and for rates that do not make the hop.
    """
    config = from_dict(BigvganConfig, tables.get("model", {}), "model")
    features = tables.get("features")
    spec = from_dict(FeatureSpec, features, "features") if features else BIGVGAN_24K
    loss = from_dict(BigvganLoss, tables.get("loss", {}), "loss")
    return GeneratorTask("bigvgan", config, Bigvgan(config, spec), loss)
