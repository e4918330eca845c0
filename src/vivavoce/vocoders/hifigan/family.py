"""What `hifigan` is, for the registry."""

from __future__ import annotations

from vivavoce.registry import Family
from vivavoce.vocoders.hifigan.importer import IMPORTER
from vivavoce.vocoders.hifigan.model import Hifigan
from vivavoce.vocoders.hifigan.workloads import workloads

FAMILY = Family(model=Hifigan, importer=IMPORTER, workloads=workloads)
