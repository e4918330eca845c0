"""What `forward` is, for the registry."""

from __future__ import annotations

from vivavoce.models.forward.importer import IMPORTER
from vivavoce.models.forward.model import Forward
from vivavoce.models.forward.workloads import workloads
from vivavoce.registry import Family

FAMILY = Family(model=Forward, importer=IMPORTER, workloads=workloads)
