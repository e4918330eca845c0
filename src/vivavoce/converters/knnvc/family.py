"""What `knnvc` is, for the registry."""

from __future__ import annotations

from vivavoce.converters.knnvc.importer import IMPORTER
from vivavoce.converters.knnvc.model import KnnVC
from vivavoce.converters.knnvc.workloads import workloads
from vivavoce.registry import Family

FAMILY = Family(model=KnnVC, importer=IMPORTER, workloads=workloads)
