"""What `glow` is, for the registry."""

from __future__ import annotations

from vivavoce.models.glow.importer import IMPORTER
from vivavoce.models.glow.model import GlowTTS
from vivavoce.models.glow.workloads import workloads
from vivavoce.registry import Family

FAMILY = Family(model=GlowTTS, importer=IMPORTER, workloads=workloads)
