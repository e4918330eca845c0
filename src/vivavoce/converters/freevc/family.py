"""What `freevc` is, for the registry."""

from __future__ import annotations

from vivavoce.converters.freevc.importer import IMPORTER
from vivavoce.converters.freevc.model import FreeVC
from vivavoce.converters.freevc.workloads import workloads
from vivavoce.registry import Family

FAMILY = Family(model=FreeVC, importer=IMPORTER, workloads=workloads)
