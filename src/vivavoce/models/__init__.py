"""Text and voice to features. This table is the only place that names the model families."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vivavoce.registry import Registry

if TYPE_CHECKING:
    from vivavoce.models.base import AcousticModel

MODELS: Registry[AcousticModel[Any]] = Registry(
    "model",
    {
        "bark": "vivavoce.models.bark",
        "delightful": "vivavoce.models.delightful",
        "f5": "vivavoce.models.f5",
        "fastpitch": "vivavoce.models.fastpitch",
        "forward": "vivavoce.models.forward",
        "glow": "vivavoce.models.glow",
        "overflow": "vivavoce.models.overflow",
        "tacotron2": "vivavoce.models.tacotron2",
        "tortoise": "vivavoce.models.tortoise",
        "vits": "vivavoce.models.vits",
        "xtts": "vivavoce.models.xtts",
    },
)

workloads = MODELS.workloads
