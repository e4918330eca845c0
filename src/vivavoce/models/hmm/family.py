"""What `hmm` is, for the registry."""

from __future__ import annotations

from vivavoce.models.hmm.importer import IMPORTER
from vivavoce.models.hmm.model import NeuralHmm
from vivavoce.models.hmm.workloads import workloads
from vivavoce.registry import Family

FAMILY = Family(model=NeuralHmm, importer=IMPORTER, workloads=workloads)
