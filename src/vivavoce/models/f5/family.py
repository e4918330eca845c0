"""What `f5` is, for the registry."""

from __future__ import annotations

from vivavoce.models.f5.exports import to_published
from vivavoce.models.f5.importer import IMPORTER
from vivavoce.models.f5.model import F5TTS
from vivavoce.models.f5.voice import make_voice
from vivavoce.models.f5.workloads import workloads
from vivavoce.registry import Family

FAMILY = Family(
    model=F5TTS,
    importer=IMPORTER,
    workloads=workloads,
    make_voice=make_voice,
    exporters={"f5": to_published},
)
