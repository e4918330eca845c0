"""What `wavegrad` is, for the registry."""

from __future__ import annotations

from vivavoce.registry import Family
from vivavoce.vocoders.wavegrad.importer import IMPORTER
from vivavoce.vocoders.wavegrad.model import Wavegrad
from vivavoce.vocoders.wavegrad.workloads import workloads

FAMILY = Family(model=Wavegrad, importer=IMPORTER, workloads=workloads)
