"""What `xtts` is, for the registry."""

from __future__ import annotations

from vivavoce.models.xtts.importer import IMPORTER
from vivavoce.models.xtts.model import Xtts
from vivavoce.models.xtts.official_export import to_official
from vivavoce.models.xtts.workloads import workloads
from vivavoce.registry import Family

FAMILY = Family(model=Xtts, importer=IMPORTER, workloads=workloads, exporters={"xtts": to_official})
