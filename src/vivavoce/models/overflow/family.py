"""What `overflow` is, for the registry."""

from __future__ import annotations

from vivavoce.models.overflow.importer import IMPORTER
from vivavoce.models.overflow.model import NeuralHmm
from vivavoce.models.overflow.workloads import workloads
from vivavoce.registry import Family

FAMILY = Family(model=NeuralHmm, importer=IMPORTER, workloads=workloads)
