"""A recording in another voice. This table is the only place that names the families."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vivavoce.registry import Registry

if TYPE_CHECKING:
    from vivavoce.converters.base import ConversionModel

CONVERTERS: Registry[ConversionModel] = Registry(
    "converter",
    {
        "freevc": "vivavoce.converters.freevc",
        "knnvc": "vivavoce.converters.knnvc",
        "openvoice": "vivavoce.converters.openvoice",
    },
)

workloads = CONVERTERS.workloads
